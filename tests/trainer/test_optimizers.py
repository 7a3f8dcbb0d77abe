"""Schedules and LAMB, held against NumPy."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.training_tools import one_cpu
from trainer.optimizers.adamw import Optimizer
from trainer.optimizers.schedule import learning_rate
from trainer.settings.training import TrainerSettings


def rates(**settings: object) -> list[float]:
    given = TrainerSettings(steps=10, learning_rate=0.2, warmup_steps=4, **settings)
    return [float(learning_rate(given, tf.constant(n, tf.int64))) for n in range(10)]


def test_berts_schedule_rises_to_the_peak_and_falls_on_a_line_to_zero() -> None:
    assert rates() == pytest.approx([0.05, 0.1, 0.15, 0.2, 0.12, 0.1, 0.08, 0.06, 0.04, 0.02])


def test_electras_schedule_is_the_product_of_both() -> None:
    line = [1 - n / 10 for n in range(10)]
    expected = [0.2 * min(1, (n + 1) / 4) * line[n] for n in range(10)]
    assert rates(schedule="product") == pytest.approx(expected)


def test_the_stable_schedule_is_level_until_its_decay() -> None:
    stable = rates(schedule="stable", decay_steps=4)
    assert stable[3:7] == pytest.approx([0.2] * 4)
    assert stable[7:] == pytest.approx([0.2 * (1 - np.sqrt(n / 4)) for n in (1, 2, 3)])


def test_no_warm_up_starts_at_the_peak() -> None:
    settings = TrainerSettings(steps=10, learning_rate=0.2, warmup_steps=0)
    assert float(learning_rate(settings, tf.constant(0, tf.int64))) == pytest.approx(0.2)


def test_lamb_scales_each_change_to_its_weights_norm() -> None:
    rng = np.random.default_rng(0)
    names = ("dense.weight", "dense.bias")
    start = {name: rng.normal(size=(3, 4)).astype(np.float32) for name in names}
    gradients = {name: rng.normal(size=(3, 4)).astype(np.float32) for name in names}
    with one_cpu().scope():
        variables = {name: tf.Variable(value) for name, value in start.items()}
        optimizer = Optimizer(variables, TrainerSettings(optimizer="lamb", weight_decay=0.1))
    one_cpu().run(
        optimizer.apply,
        args=(
            {name: tf.constant(g) for name, g in gradients.items()},
            tf.constant(1.0),
            tf.constant(0.5),
            tf.constant(0, tf.int64),
        ),
    )
    for name in names:
        w, g = start[name].astype(np.float64), gradients[name].astype(np.float64)
        change = 0.1 * g / (np.sqrt(0.001 * g**2) + 1e-6)
        if name == "dense.weight":
            change = change + 0.1 * w
            change *= np.linalg.norm(w) / np.linalg.norm(change)
        np.testing.assert_allclose(variables[name].numpy(), w - 0.5 * change, rtol=1e-4)
