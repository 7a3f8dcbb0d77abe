"""A batch to an update: the training step, the same on one replica and on many."""

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import tensorflow as tf

from trainer.draw import draw_seed
from trainer.models.layers import Noise, Weights, compute_weights
from trainer.objectives.ratio import Outcome, Ratio
from trainer.optimizers.adamw import Optimizer

Batch = Mapping[str, tf.Tensor]
Sums = dict[str, Ratio]  # losses and measures, summed over replicas and steps
ReplicaStep = Callable[[Batch, tf.Tensor], Sums]
TrainSteps = Callable[[Any, tf.Tensor], tuple[Sums, tf.Tensor]]


class Objective(Protocol):
    """What a model learns from a batch."""

    loss_weights: dict[str, float]  # of each loss in the sum that is minimised
    measures: tuple[str, ...]

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """The batch's losses, whose weighted means are added up and minimised, and measures."""
        ...

    def expected_first_loss(self) -> float:
        """What an untrained model gets, in nats."""
        ...


def make_replica_step(
    objective: Objective,
    variables: Mapping[str, tf.Variable],
    optimizer: Optimizer,
    schedule: Callable[[tf.Tensor], tf.Tensor],
    *,
    compute_type: tf.DType,
    clip_norm: float,
    seed: int,
) -> ReplicaStep:
    """The function that every replica runs on its slice of the global batch.

    The order is: losses with denominators of the whole global batch, gradients, their sum over
    replicas, clipping by the sum's norm, the update. Clipping before the sum, or dividing by the
    replica's own count, would make the result depend on the number of replicas.
    """
    noise_seed = draw_seed(seed, "noise")

    def replica_step(batch: Batch, step: tf.Tensor) -> Sums:
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        number = tf.cast(step, tf.int32) * context.num_replicas_in_sync + replica
        noise = Noise(tf.stack([tf.constant(noise_seed, tf.int32), number]))
        with tf.GradientTape() as tape:
            outcome = objective(compute_weights(variables, compute_type), batch, noise)
            with tape.stop_recording():
                totals = _sum_denominators(outcome)
            loss = tf.add_n(
                [
                    weight * tf.math.divide_no_nan(outcome.losses[name].numerator, totals[name])
                    for name, weight in objective.loss_weights.items()
                ]
            )
        gradients = tape.gradient(loss, list(variables.values()), unconnected_gradients="zero")
        gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        clipped, norm = tf.clip_by_global_norm(gradients, clip_norm)
        rate = schedule(step)
        optimizer.apply(dict(zip(variables, clipped, strict=True)), rate, step)
        one = tf.ones([])
        return {
            **_sum_numerators(outcome, totals),
            "gradient_norm": Ratio(norm, one),
            "learning_rate": Ratio(rate, one),
        }

    return replica_step


def make_train_steps(
    strategy: tf.distribute.Strategy,
    replica_step: ReplicaStep,
    step: tf.Variable,
    names: tuple[str, ...],
) -> TrainSteps:
    """The compiled function that runs several steps without leaving the device.

    Args:
        strategy: where.
        replica_step: from `make_replica_step`.
        step: () int64, updates made so far; it counts on.
        names: the keys of what `replica_step` returns.

    Returns:
        A function of (iterator, number of steps); it returns the sums over those steps and the
        first step whose loss or gradient was not finite, or -1.
    """

    @tf.function
    def train_steps(iterator: Any, count: tf.Tensor) -> tuple[Sums, tf.Tensor]:
        sums = {name: Ratio(tf.zeros([]), tf.zeros([])) for name in names}
        broken = tf.constant(-1, tf.int64)
        for _ in tf.range(count):
            per_replica = strategy.run(replica_step, args=(next(iterator), step.read_value()))
            # Every replica returns the same, because all of it was summed over replicas.
            done = tf.nest.map_structure(
                lambda x: strategy.experimental_local_results(x)[0], per_replica
            )
            finite = tf.math.is_finite(tf.add_n([part.numerator for part in done.values()]))
            broken = tf.where(finite | (broken >= 0), broken, step.read_value())
            sums = tf.nest.map_structure(tf.add, sums, done)
            step.assign_add(1)
        return sums, broken

    return train_steps


def _sum_denominators(outcome: Outcome) -> dict[str, tf.Tensor]:
    """Each denominator over all replicas."""
    parts = {**outcome.losses, **outcome.measures}
    return _all_reduce({name: part.denominator for name, part in parts.items()})


def _sum_numerators(outcome: Outcome, totals: Mapping[str, tf.Tensor]) -> Sums:
    parts = {**outcome.losses, **outcome.measures}
    numerators = _all_reduce({name: part.numerator for name, part in parts.items()})
    return {name: Ratio(numerators[name], totals[name]) for name in parts}


def _all_reduce(values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Sums over replicas, in one message."""
    context = tf.distribute.get_replica_context()
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack(list(values.values())))
    return dict(zip(values, tf.unstack(total), strict=True))
