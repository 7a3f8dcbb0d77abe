"""A step that XLA compiles makes the same update."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.test_replicas import DISENTANGLED, MODELS
from tests.trainer.training_tools import (
    assert_close,
    assert_equal_states,
    new_state,
    one_cpu,
    train_some,
    two_cpus,
)
from trainer.devices.compilation import choose_compilation
from trainer.loop.checkpoints import Checkpoints
from trainer.loop.state import run_name
from trainer.models.kernels.compilation import Compilation

STEPS = 3  # dropout is on in all of them


@pytest.mark.parametrize(
    ("kind", "trainer"),
    [
        ("bert", {"length_buckets": [24], "accumulate_steps": 2}),
        ("albert", {"accumulate_steps": 2}),
        ("disentangled", {"accumulate_steps": 2}),
    ],
)
def test_a_compiled_step_makes_the_same_update(
    kind: str, trainer: dict[str, object], dynamic_folder: str, make_settings: MakeSettings
) -> None:
    model = {**MODELS, "disentangled": DISENTANGLED}[kind]
    plain, compiled = (
        train_some(make_settings(model, compile=c, **trainer), dynamic_folder, STEPS)
        for c in ("off", "on")
    )
    assert_close(plain, compiled)


def test_two_replicas_run_two_programs_with_sums_between(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    plain, compiled = (
        train_some(make_settings(MODELS["bert"], compile=c), dynamic_folder, STEPS, two_cpus())
        for c in ("off", "on")
    )
    assert_close(plain, compiled)


def test_a_compiled_step_in_bfloat16_differs_by_its_roundings(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    plain, compiled = (
        train_some(make_settings(compile=c, precision="bfloat16"), dynamic_folder, STEPS)
        for c in ("off", "on")
    )
    np.testing.assert_allclose(plain[1], compiled[1], rtol=0.02)


def test_a_checkpoint_continues_with_another_compilation(
    dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    plain, compiled = make_settings(compile="off"), make_settings(compile="on")
    assert run_name(plain, []) == run_name(compiled, []), "one folder of checkpoints"
    state = new_state(compiled, dynamic_folder)
    state.step.assign(2)
    for value in state.variables.values():
        value.assign_add(tf.ones_like(value))
    Checkpoints(str(tmp_path), state.saved_variables(), state.step, keep=1).save()
    other = new_state(plain, dynamic_folder)
    Checkpoints(str(tmp_path), other.saved_variables(), other.step, keep=1).restore_latest()
    assert_equal_states(state, other)


def test_a_setting_and_a_device_choose_what_is_compiled() -> None:
    with one_cpu().scope():
        choices = {s: choose_compilation(s, one_cpu()) for s in ("auto", "on", "off")}
    assert choices == {
        "auto": Compilation.KERNELS,
        "on": Compilation.PROGRAMS,
        "off": Compilation.KERNELS,
    }
    with two_cpus().scope():
        assert choose_compilation("auto", two_cpus()) is Compilation.NOTHING
    gpu = tf.distribute.OneDeviceStrategy("/gpu:0")
    with gpu.scope():
        assert choose_compilation("auto", gpu) is Compilation.PROGRAMS
        assert choose_compilation("off", gpu) is Compilation.NOTHING
