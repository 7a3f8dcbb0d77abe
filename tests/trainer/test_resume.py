"""Tests that a stopped run resumes and ends with the bytes of an undisturbed run."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.forked_runs import Running, Start
from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.test_replicas import DISENTANGLED
from tests.trainer.training_tools import assert_equal_states, train_some
from trainer.input.instances import open_instances
from trainer.settings.training import TrainingSettings
from trainer.training import train_and_export

WEIGHTS = "transformers/model.safetensors"
# Long enough to be stopped between its first checkpoint and its end.
LONG_RUN = (None,), {"steps": 240, "save_every_steps": 20, "log_every_steps": 20}


def main(settings: str, instances: str, model: str, run: str) -> None:
    """Run one training in a process of its own."""
    train_and_export(TrainingSettings.model_validate_json(settings), [instances], model, run)


@pytest.fixture(scope="module")
def undisturbed(dynamic_folder: str, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the weights of the long run without interruption."""
    scratch = tmp_path_factory.mktemp("undisturbed")
    settings = settings_in(scratch, *LONG_RUN[0], **LONG_RUN[1])
    _run(settings, dynamic_folder, scratch, "model")
    return (scratch / "model" / WEIGHTS).read_bytes()


@pytest.mark.parametrize(
    ("model", "trainer"),
    [
        ("bert", {"precision": "bfloat16", "length_buckets": [24], "accumulate_steps": 4}),
        ("albert", {"optimizer": "lamb", "schedule": "stable", "decay_steps": 20}),
        ("electra", {"precision": "bfloat16", "accumulate_steps": 2, "schedule": "product"}),
    ],
)
def test_17_and_23_steps_are_40_steps_to_the_bit(
    model: str,
    trainer: dict[str, Any],
    dynamic_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
) -> None:
    shape = DISENTANGLED if model == "electra" else {"type": model}
    settings = make_settings(shape, **trainer)
    whole, losses = train_some(settings, dynamic_folder, 40, save=(17, tmp_path))
    second, second_losses = train_some(settings, dynamic_folder, 23, restore=tmp_path)
    assert second_losses == losses[17:]
    assert_equal_states(whole, second)


def test_a_run_that_is_terminated_and_killed_ends_like_an_undisturbed_one(
    dynamic_folder: str, undisturbed: bytes, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(*LONG_RUN[0], **LONG_RUN[1])
    terminated = _stop_after_a_checkpoint(settings, dynamic_folder, tmp_path, signal.SIGTERM)
    assert terminated == 128 + signal.SIGTERM
    killed = _stop_after_a_checkpoint(settings, dynamic_folder, tmp_path, signal.SIGKILL)
    assert killed == -signal.SIGKILL
    assert _newest(settings) < "step-000000240"
    _run(settings, dynamic_folder, tmp_path, "resumed")
    assert (tmp_path / "resumed" / WEIGHTS).read_bytes() == undisturbed


def test_a_finished_run_is_exported_again_without_a_step(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(steps=3)
    _run(settings, static_folder, tmp_path, "first")
    _run(settings, static_folder, tmp_path, "second")
    first, second = ((tmp_path / n / WEIGHTS).read_bytes() for n in ("first", "second"))
    assert first == second
    logs = [json.loads((tmp_path / f"{n}-run" / "training.json").read_text())
            for n in ("first", "second")]  # fmt: skip
    assert logs[1]["history"] == logs[0]["history"], "kept with the checkpoint"
    assert logs[1]["tokens_per_second"] == logs[0]["tokens_per_second"] > 0
    (seal,) = Path(settings.checkpoint_root).glob("*/step-*.json")
    facts = json.loads(seal.read_text())["facts"]
    assert facts["vocabulary"] == open_instances(static_folder).vocabulary.digest


def _stop_after_a_checkpoint(
    settings: TrainingSettings, folder: str, scratch: Path, sent: signal.Signals
) -> int:
    """Run a process until it saves a new checkpoint, stop it, and return its exit code."""
    before = _newest(settings)
    words = (settings.model_dump_json(), folder, str(scratch / "killed"), str(scratch / "run"))
    process = Running(Start(words, function=main))
    process.wait_until(lambda: _newest(settings) != before, "its next checkpoint")
    process.signal(sent)
    return process.wait().code


def _newest(settings: TrainingSettings) -> str:
    """Return the name of the newest sealed checkpoint; empty if there is none."""
    seals = Path(settings.checkpoint_root).glob("*/step-*.json")
    return max((path.stem for path in seals), default="")


def _run(settings: TrainingSettings, folder: str, scratch: Path, name: str) -> None:
    train_and_export(settings, [folder], str(scratch / name), str(scratch / f"{name}-run"))
