"""The sums, gradients and random numbers of a step are exact, however a batch is divided."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf

from core.draw import draw_seed
from tests.trainer.training_tools import one_cpu, two_cpus
from trainer.loop.replicas import first_replica
from trainer.loop.step import ReplicaStep, make_train_steps
from trainer.models.kernels import recompute
from trainer.models.kernels.compilation import is_compiling, is_in_program
from trainer.objectives.objective import Outcome, Ratio, weighted
from trainer.settings.training import TrainerSettings

SEED = 7
LOSS_WEIGHTS = {"square": 1.0, "half": 0.5}
SLOPE = np.array([0.5, -1.0], np.float32)
# Rows of two positions; the last row's second position is padding.
IDS = np.array([[1, 2], [3, 1], [2, 2], [4, 0]], np.int32)
MASK = np.array([[1, 1], [1, 1], [1, 1], [1, 0]], np.int32)
WEIGHTS = np.array([1.0, 0.0, 2.0, 1.0], np.float32)


class Squares:
    """Minimizes weighted squares of `ids · slope`, and half of the same with equal weights."""

    loss_weights = LOSS_WEIGHTS
    measures = ("first_row", "rows", "row_seed", "dropout_seed")

    def __call__(self, weights: dict[str, tf.Tensor], batch: Any, noise: Any) -> Outcome:
        ids = tf.cast(batch["input_ids"], tf.float32)
        squares = tf.reduce_sum(ids * weights["slope"][: ids.shape[1]], -1) ** 2
        one = tf.ones([])
        rows = noise.rows
        numbers = {
            "first_row": rows.first, "rows": rows.total,
            "row_seed": rows.seed[1], "dropout_seed": noise._seed[1],
        }  # fmt: skip
        losses = {
            "square": weighted(squares, batch["row_weights"]),
            "half": weighted(squares, tf.ones_like(squares)),
        }
        measures = {name: Ratio(tf.cast(n, tf.float32), one) for name, n in numbers.items()}
        self.seeds = rows.seed[0], noise._seed[0]
        self.traced = is_compiling(), is_in_program(), recompute._recomputing.get()
        return Outcome(losses, measures, {}, {})

    def loss_denominators(self, batch: Any) -> dict[str, tf.Tensor]:
        rows = tf.cast(tf.shape(batch["input_ids"])[0], tf.float32)
        return {"square": tf.reduce_sum(batch["row_weights"]), "half": rows}


class Recorder:
    """An optimizer that records its arguments; no update changes the model."""

    def apply(self, gradients: dict[str, Any], clip: Any, rate: Any, step: Any) -> None:
        self.gradients, self.clip, self.rate, self.step = gradients, clip, rate, step


def batch_of() -> dict[str, tf.Tensor]:
    arrays = {"input_ids": IDS, "input_mask": MASK, "segment_ids": 0 * IDS, "row_weights": WEIGHTS}
    return {name: tf.constant(values) for name, values in arrays.items()}


def make_step(
    schedule: Callable[[tf.Tensor], tf.Tensor] | None = None, **settings: Any
) -> tuple[ReplicaStep, Recorder, Squares]:
    optimizer, objective = Recorder(), Squares()
    variables = {"slope": tf.Variable(SLOPE), "unused": tf.Variable([3.0])}
    state = SimpleNamespace(variables=variables, optimizer=optimizer)
    trainer = TrainerSettings.model_validate({"global_batch_size": 4, "steps": 100, **settings})
    return (
        ReplicaStep(trainer, objective, state, seed=SEED, schedule=schedule),  # type: ignore[arg-type]
        optimizer,
        objective,
    )


def expected_gradient() -> np.ndarray:
    """Return the gradient of the mean of each loss over the whole batch, with its weight."""
    products = IDS @ SLOPE
    each = 2 * products[:, None] * IDS
    gradient: np.ndarray = (WEIGHTS / WEIGHTS.sum()) @ each + 0.5 * each.mean(0)
    return gradient


def number(sums: dict[str, Ratio], name: str) -> tuple[float, float]:
    return float(sums[name].numerator), float(sums[name].denominator)


@pytest.mark.parametrize("parts", [1, 2, 4])
def test_gradients_and_sums_do_not_depend_on_the_micro_batches(parts: int) -> None:
    step, optimizer, _ = make_step(accumulate_steps=parts, clip_norm=1.0)
    sums = step.run(batch_of(), tf.constant(5, tf.int64))
    gradient = expected_gradient()
    np.testing.assert_allclose(optimizer.gradients["slope"], gradient, rtol=1e-6)
    assert optimizer.gradients["unused"].numpy().tolist() == [0.0]
    norm = float(np.sqrt((gradient**2).sum()))
    assert norm > 1
    assert float(optimizer.clip) == pytest.approx(1 / norm)
    assert number(sums, "gradient_norm") == (pytest.approx(norm), 1.0)
    squares = (IDS @ SLOPE) ** 2
    assert number(sums, "square") == (float(squares @ WEIGHTS), 4.0)
    assert number(sums, "half") == (float(squares.sum()), 4.0)
    assert number(sums, "real_tokens") == (7.0, 1.0)
    assert number(sums, "filled_share") == (7.0, 8.0)
    assert set(step.ratio_names) | {"gradient_norm", "learning_rate"} == set(sums)


def test_a_small_gradient_is_not_scaled_up() -> None:
    step, optimizer, _ = make_step(clip_norm=1000.0)
    step.run(batch_of(), tf.constant(0, tf.int64))
    assert float(optimizer.clip) == 1.0


def test_the_rate_is_that_of_the_schedule_at_the_step() -> None:
    step, optimizer, _ = make_step(lambda step: tf.cast(step, tf.float32) / 8)
    sums = step.run(batch_of(), tf.constant(6, tf.int64))
    assert number(sums, "learning_rate") == (0.75, 1.0)
    assert (float(optimizer.rate), int(optimizer.step)) == (0.75, 6)
    usual, optimizer, _ = make_step(learning_rate=0.5, warmup_steps=10)
    usual.run(batch_of(), tf.constant(4, tf.int64))
    assert float(optimizer.rate) == pytest.approx(0.25)


def test_each_part_of_a_batch_has_its_rows_and_a_seed_of_its_own() -> None:
    step, _, objective = make_step()
    sums = step.run(batch_of(), tf.constant(5, tf.int64))
    seeds = [int(seed) for seed in objective.seeds]
    assert seeds == [draw_seed(SEED, "rows"), draw_seed(SEED, "noise")]
    numbers = [number(sums, name)[0] for name in Squares.measures]
    assert numbers == [0, 4, 5, 5]
    parted, _, _ = make_step(accumulate_steps=2)
    sums = parted.run(batch_of(), tf.constant(5, tf.int64))
    numbers = [number(sums, name)[0] for name in Squares.measures]
    assert numbers == [0 + 2, 4 + 4, 5 + 5, 10 + 11]


@pytest.mark.parametrize("parts", [1, 2])
def test_two_replicas_make_the_update_of_the_whole_batch(parts: int) -> None:
    """Each takes two of the four rows, and draws what those rows draw in one replica."""
    strategy = two_cpus()
    step, optimizer, _ = make_step(accumulate_steps=parts)
    halves = strategy.experimental_distribute_values_from_function(
        lambda replica: {
            name: tf.split(values, 2)[replica.replica_id_in_sync_group]
            for name, values in batch_of().items()
        }
    )
    each = strategy.run(step.run, args=(halves, tf.constant(5, tf.int64)))
    np.testing.assert_allclose(optimizer.gradients["slope"], expected_gradient(), rtol=1e-6)
    sums = first_replica(strategy, each)
    assert number(sums, "square") == (float((IDS @ SLOPE) ** 2 @ WEIGHTS), 4.0)
    assert number(sums, "real_tokens") == (7.0, 1.0)
    in_one, _, _ = make_step(accumulate_steps=2 * parts)
    expected = in_one.run(batch_of(), tf.constant(5, tf.int64))
    for name in Squares.measures:
        assert number(sums, name) == number(expected, name), name


@pytest.mark.parametrize(
    ("setting", "kernels", "program"), [("auto", True, False), ("on", False, True)]
)
def test_the_objective_is_traced_as_the_settings_say(
    setting: str, kernels: bool, program: bool
) -> None:
    for recomputed in ("layers", "none"):
        step, _, objective = make_step(compile=setting, recompute=recomputed)
        one_cpu().run(step.run, args=(batch_of(), tf.constant(5, tf.int64)))
        assert objective.traced == (kernels, program, recomputed == "layers")


def test_a_slice_is_computed_at_its_shortest_length() -> None:
    step, _, _ = make_step(length_buckets=[1])
    batch = batch_of()
    short = {
        name: values * [1, 0] if values.ndim == 2 else values for name, values in batch.items()
    }
    for own, share in ((short, (4.0, 4.0)), (batch, (7.0, 8.0))):
        sums = step.run(own, tf.constant(5, tf.int64))
        assert number(sums, "filled_share") == share


def test_steps_are_counted_and_the_first_bad_one_is_reported() -> None:
    strategy = tf.distribute.OneDeviceStrategy("/cpu:0")
    trainer = TrainerSettings(global_batch_size=4, steps=100)
    variables = {"slope": tf.Variable(SLOPE)}
    state = SimpleNamespace(
        variables=variables, optimizer=Recorder(), step=tf.Variable(10, dtype=tf.int64)
    )
    steps = make_train_steps(
        trainer, strategy, Squares(), state, seed=SEED,  # type: ignore[arg-type]
        schedule=lambda step: tf.cast(step, tf.float32),
    )  # fmt: skip
    weights = [
        WEIGHTS,
        WEIGHTS,
        np.full_like(WEIGHTS, np.inf),
        WEIGHTS,
        np.full_like(WEIGHTS, np.nan),
    ]
    batches = [{**batch_of(), "row_weights": tf.constant(own)} for own in weights]
    stacked = {name: tf.stack([batch[name] for batch in batches]) for name in batches[0]}
    iterator = iter(tf.data.Dataset.from_tensor_slices(stacked))
    sums, bad = steps(iterator, tf.constant(2))
    assert int(bad) == -1
    assert int(state.step.numpy()) == 12
    assert number(sums, "filled_share") == (14.0, 16.0)
    assert number(sums, "learning_rate") == (10.0 + 11.0, 2.0)
    _, bad = steps(iterator, tf.constant(3))
    assert int(bad) == 12
    assert int(state.step.numpy()) == 15
