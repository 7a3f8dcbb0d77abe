"""Train on a batch: one step computes the same on one replica and on many."""

import functools
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from core.draw import draw_seed
from trainer.devices.batch import check_batch
from trainer.devices.compilation import choose_compilation
from trainer.input.length_buckets import at_shortest_length
from trainer.input.parse_records import Batch
from trainer.loop.replicas import Sums, all_reduce, all_reduce_sums, first_replica
from trainer.loop.state import State
from trainer.models.kernels.compilation import compiled, run_as_program
from trainer.models.kernels.recompute import recomputed_layers
from trainer.models.kernels.sums import sum_squares
from trainer.models.layers import compute_weights
from trainer.models.noise import Noise
from trainer.objectives.objective import LossFunction, Ratio
from trainer.optimizers.schedule import learning_rate
from trainer.row_draws import RowDraws
from trainer.settings.training import TrainerSettings

FILL = ("real_tokens", "filled_share")  # measures that every objective has
Schedule = Callable[[tf.Tensor], tf.Tensor]  # step () int64 to learning rate () float32
TrainSteps = Callable[[Any, tf.Tensor], tuple[Sums, tf.Tensor]]  # sums; first bad step, or -1


def make_train_steps(
    settings: TrainerSettings,
    strategy: tf.distribute.Strategy,
    objective: LossFunction,
    state: State,
    *,
    seed: int,
    schedule: Schedule | None = None,
) -> TrainSteps:
    """Compile a function that runs several steps without leaving the device.

    Returns:
        A function of (iterator, number of steps). It returns the sums over those steps and the
        first step whose loss or gradient was not finite, or -1.

    Raises:
        InputError: replicas and micro-batches do not divide the batch.
    """
    check_batch(settings, strategy.num_replicas_in_sync)
    replica_step = ReplicaStep(settings, objective, state, seed=seed, schedule=schedule)
    names = (*replica_step.ratio_names, "gradient_norm", "learning_rate")
    step = state.step

    @tf.function(autograph=False)
    def train_steps(iterator: Any, count: tf.Tensor) -> tuple[Sums, tf.Tensor]:
        def train_step(
            number: tf.Tensor, sums: Sums, first_bad_step: tf.Tensor
        ) -> tuple[tf.Tensor, Sums, tf.Tensor]:
            now = step.read_value()
            per_replica = strategy.run(replica_step.run, args=(next(iterator), now))
            # All replicas return the same, because everything was summed over replicas.
            done = first_replica(strategy, per_replica)
            finite = tf.math.is_finite(tf.add_n([ratio.numerator for ratio in done.values()]))
            first_bad_step = tf.where(finite | (first_bad_step >= 0), first_bad_step, now)
            step.assign_add(1)
            return number + 1, tf.nest.map_structure(tf.add, sums, done), first_bad_step

        start = tf.constant(0), _zeros(names), tf.constant(-1, tf.int64)
        _, sums, first_bad_step = tf.while_loop(lambda n, *_: n < count, train_step, start)
        return sums, first_bad_step

    return train_steps


class ReplicaStep:
    """The step that every replica runs on its slice of the global batch.

    First come the denominators over the whole global batch; then losses and gradients of one
    micro-batch after another, their sum over micro-batches and replicas, clipping by the norm of
    the sum, and the update. Clipping before the sum, or dividing by the count of a micro-batch,
    would make the result depend on the number of micro-batches.

    A slice is computed at the shortest of `length_buckets` that holds it; padding changes nothing.
    """

    def __init__(
        self,
        settings: TrainerSettings,
        objective: LossFunction,
        state: State,
        *,
        seed: int,
        schedule: Schedule | None = None,
    ) -> None:
        self.ratio_names = (*objective.loss_weights, *objective.measures, *FILL)
        self._settings = settings
        self._objective = objective
        self._state = state
        self._schedule = schedule or functools.partial(learning_rate, settings)
        self._dropout_seed = draw_seed(seed, "noise")
        self._row_seed = draw_seed(seed, "rows")

    def run(self, batch: Batch, step: tf.Tensor) -> Sums:
        """Update the state once, in a replica; return losses and measures summed over all replicas.

        `batch` is its slice of the global batch; `step` () int64 counts the updates done so far.
        """
        context = tf.distribute.get_replica_context()
        with compiled(choose_compilation(self._settings.compile, context.strategy)):
            if context.num_replicas_in_sync > 1:
                return self.run_inside(batch, step)
            sums: Sums = run_as_program(self.run_inside, batch, step)
            return sums

    def run_inside(self, batch: Batch, step: tf.Tensor) -> Sums:
        """Run the step op by op, or in two programs with sums over replicas around them."""
        context = tf.distribute.get_replica_context()
        totals = all_reduce(self._objective.loss_denominators(batch))
        sums, gradients = run_as_program(self._learn_slice, batch, step, totals)
        if context.num_replicas_in_sync > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, _as_float32(gradients))
        norm, rate = run_as_program(self._update, gradients, step)
        one = tf.ones([])
        return {
            **all_reduce_sums(sums),
            "gradient_norm": Ratio(norm, one),
            "learning_rate": Ratio(rate, one),
        }

    def _learn_slice(
        self, batch: Batch, step: tf.Tensor, totals: dict[str, tf.Tensor]
    ) -> tuple[Sums, list[tf.Tensor]]:
        """Compute sums and gradients of a slice, at its shortest length."""
        with recomputed_layers(self._settings.recompute == "layers"):
            return at_shortest_length(
                self._settings.length_buckets,
                batch,
                lambda batch: self._learn_micro_batches(batch, step, totals),
            )

    def _update(
        self, gradients: Sequence[tf.Tensor], step: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Update the state; return the norm of the gradients and the learning rate."""
        rate = self._schedule(step)
        norm = tf.sqrt(tf.add_n([sum_squares(gradient) for gradient in gradients]))
        clip = self._settings.clip_norm / tf.maximum(norm, self._settings.clip_norm)
        by_name = dict(zip(self._state.variables, gradients, strict=True))
        self._state.optimizer.apply(by_name, clip, rate, step)
        return norm, rate

    def _learn_micro_batches(
        self, batch: Batch, step: tf.Tensor, totals: dict[str, tf.Tensor]
    ) -> tuple[Sums, list[tf.Tensor]]:
        """Compute sums and gradients of a slice, in `accumulate_steps` micro-batches."""
        count = self._settings.accumulate_steps
        if count == 1:
            return self._learn(batch, tf.constant(0), step, totals)
        micro_batches = {
            name: tf.reshape(value, [count, value.shape[0] // count, *value.shape[1:]])
            for name, value in batch.items()
        }
        gradients = [tf.zeros_like(variable) for variable in self._state.variables.values()]

        def add_micro_batch(
            number: tf.Tensor, sums: Sums, gradients: list[tf.Tensor]
        ) -> tuple[tf.Tensor, Sums, list[tf.Tensor]]:
            micro_batch = {name: values[number] for name, values in micro_batches.items()}
            more_sums, more_gradients = self._learn(micro_batch, number, step, totals)
            sums = tf.nest.map_structure(tf.add, sums, more_sums)
            gradients = tf.nest.map_structure(tf.add, gradients, _as_float32(more_gradients))
            return number + 1, sums, gradients

        _, sums, gradients = tf.while_loop(
            lambda number, *_: number < count,
            add_micro_batch,
            (tf.constant(0), _zeros(self.ratio_names), gradients),
            parallel_iterations=1,  # More would hold the activations of several.
            maximum_iterations=count,
        )
        return sums, gradients

    def _learn(
        self, micro_batch: Batch, number: tf.Tensor, step: tf.Tensor, totals: dict[str, tf.Tensor]
    ) -> tuple[Sums, list[tf.Tensor]]:
        """Compute sums and gradients of the micro-batch of a slice with a number, () int32."""
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        num_micro_batches = context.num_replicas_in_sync * self._settings.accumulate_steps
        index = replica * self._settings.accumulate_steps + number
        size, step = micro_batch["input_ids"].shape[0], tf.cast(step, tf.int32)
        rows = RowDraws(tf.stack([self._row_seed, step]), index * size, num_micro_batches * size)
        noise = Noise(tf.stack([self._dropout_seed, step * num_micro_batches + index]), rows)
        compute_type = tf.as_dtype(self._settings.compute_type)
        weights = compute_weights(self._state.variables, compute_type)
        with tf.GradientTape() as tape:
            tape.watch(list(weights.values()))
            outcome = self._objective(weights, micro_batch, noise)
            loss = tf.add_n(
                [
                    weight * tf.math.divide_no_nan(outcome.losses[name].numerator, totals[name])
                    for name, weight in self._objective.loss_weights.items()
                ]
            )
        gradients = tape.gradient(loss, list(weights.values()), unconnected_gradients="zero")
        fill = _fill(micro_batch, num_micro_batches)
        return {**outcome.losses, **outcome.measures, **fill}, gradients


def _as_float32(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Cast gradients for summing. The optimizer alone takes bfloat16, in half the memory."""
    return [tf.cast(gradient, tf.float32) for gradient in gradients]


def _fill(micro_batch: Batch, num_micro_batches: int) -> Sums:
    """Return the real tokens of a step, and their share of all positions that are computed."""
    real = tf.reduce_sum(tf.cast(micro_batch["input_mask"], tf.float32))
    positions = float(math.prod(micro_batch["input_mask"].shape))
    return {
        # The denominators of all micro-batches add up to 1, so the mean is per step.
        "real_tokens": Ratio(real, tf.constant(1 / num_micro_batches)),
        "filled_share": Ratio(real, tf.constant(positions)),
    }


def _zeros(names: Sequence[str]) -> Sums:
    return {name: Ratio(tf.zeros([]), tf.zeros([])) for name in names}
