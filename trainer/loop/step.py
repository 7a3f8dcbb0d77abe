"""A batch to an update: the training step, the same on one replica and on many."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import tensorflow as tf

from core.draw import draw_seed
from trainer.draws import RowDraws
from trainer.input.length_buckets import at_shortest_length
from trainer.models.kernels import compiled_kernels, sum_squares
from trainer.models.layers import Weights, compute_weights
from trainer.models.noise import Noise
from trainer.objectives.ratio import Outcome, Ratio
from trainer.optimizers.adamw import Optimizer

Batch = Mapping[str, tf.Tensor]
Sums = dict[str, Ratio]  # losses and measures, summed over replicas and steps
ReplicaStep = Callable[[Batch, tf.Tensor], Sums]
FILL = ("real_tokens", "filled_share")  # of a step
TrainSteps = Callable[[Any, tf.Tensor], tuple[Sums, tf.Tensor]]


class Objective(Protocol):
    """What a model learns from a batch."""

    loss_weights: dict[str, float]  # of each loss in the sum that is minimised
    measures: tuple[str, ...]

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """The batch's losses, whose weighted means are added up and minimised, and measures."""
        ...

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """What each loss of a batch is divided by, known before the forward pass."""
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
    accumulate_steps: int,
    length_buckets: Sequence[int] = (),
) -> ReplicaStep:
    """The function that every replica runs on its slice of the global batch.

    The order is: denominators of the whole global batch, losses and gradients part by part, their
    sum over parts and replicas, clipping by the sum's norm, the update. Clipping before the sum, or
    dividing by the count of a part, would make the result depend on the number of parts.

    A replica's slice is computed at the shortest of `length_buckets` that holds it: padding changes
    nothing.
    """
    dropout_seed = draw_seed(seed, "noise")
    row_seed = draw_seed(seed, "rows")

    def replica_step(batch: Batch, step: tf.Tensor) -> Sums:
        context = tf.distribute.get_replica_context()
        replica = tf.cast(context.replica_id_in_sync_group, tf.int32)
        now = tf.cast(step, tf.int32)
        parts = context.num_replicas_in_sync * accumulate_steps
        totals = all_reduce(objective.loss_denominators(batch))

        def learn(part: Batch, number: tf.Tensor) -> tuple[Sums, list[tf.Tensor]]:
            place = replica * accumulate_steps + number
            size = part["input_ids"].shape[0]
            rows = RowDraws(tf.stack([row_seed, now]), place * size, parts * size)
            noise = Noise(tf.stack([dropout_seed, now * parts + place]), rows)
            weights = compute_weights(variables, compute_type)
            with tf.GradientTape() as tape:
                tape.watch(list(weights.values()))
                outcome = objective(weights, part, noise)
                loss = tf.add_n(
                    [
                        weight * tf.math.divide_no_nan(outcome.losses[name].numerator, totals[name])
                        for name, weight in objective.loss_weights.items()
                    ]
                )
            gradients = tape.gradient(loss, list(weights.values()), unconnected_gradients="zero")
            fill = _fill(part, parts)
            return {**outcome.losses, **outcome.measures, **fill}, gradients

        def learn_all(batch: Batch) -> tuple[Sums, list[tf.Tensor]]:
            return _add_parts(learn, batch, accumulate_steps, objective, variables)

        with compiled_kernels(_has_fast_kernels(context)):
            sums, gradients = at_shortest_length(length_buckets, batch, learn_all)
        if context.num_replicas_in_sync > 1:
            gradients = context.all_reduce(tf.distribute.ReduceOp.SUM, _as_float32(gradients))
        rate = schedule(step)
        with compiled_kernels(_has_fast_kernels(context)):
            norm = tf.sqrt(tf.add_n([sum_squares(gradient) for gradient in gradients]))
            clip = clip_norm / tf.maximum(norm, clip_norm)
            optimizer.apply(dict(zip(variables, gradients, strict=True)), clip, rate, step)
        one = tf.ones([])
        return {
            **all_reduce_sums(sums),
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


def _as_float32(gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients as they are added up. The optimizer reads them as they are, half as long."""
    return [tf.cast(gradient, tf.float32) for gradient in gradients]


def all_reduce_sums(sums: Sums) -> Sums:
    """Each ratio over all replicas."""
    numerators = all_reduce({name: part.numerator for name, part in sums.items()})
    denominators = all_reduce({name: part.denominator for name, part in sums.items()})
    return {name: Ratio(numerators[name], denominators[name]) for name in sums}


def _fill(part: Batch, parts: int) -> Sums:
    """How many real tokens a step has, and their share of all slots that are computed."""
    real = tf.reduce_sum(tf.cast(part["input_mask"], tf.float32))
    slots = float(math.prod(part["input_mask"].shape))
    return {
        "real_tokens": Ratio(real, tf.constant(1 / parts)),
        "filled_share": Ratio(real, tf.constant(slots)),
    }


def _has_fast_kernels(context: tf.distribute.ReplicaContext) -> bool:
    """Whether small operations are to be compiled: on one CPU, where the step runs op by op."""
    strategy = context.strategy
    if not isinstance(strategy, tf.distribute.OneDeviceStrategy):
        return False
    (device,) = strategy.extended.worker_devices
    return "CPU" in device.upper()


def _add_parts(
    learn: Callable[[Batch, tf.Tensor], tuple[Sums, list[tf.Tensor]]],
    batch: Batch,
    count: int,
    objective: Objective,
    variables: Mapping[str, tf.Variable],
) -> tuple[Sums, list[tf.Tensor]]:
    """Sums and gradients of a batch, computed in so many parts, one after the other."""
    if count == 1:
        return learn(batch, tf.constant(0))
    parts = {k: tf.reshape(v, [count, v.shape[0] // count, *v.shape[1:]]) for k, v in batch.items()}
    names = (*objective.loss_weights, *objective.measures, *FILL)
    sums = {name: Ratio(tf.zeros([]), tf.zeros([])) for name in names}
    gradients = [tf.zeros_like(variable) for variable in variables.values()]

    def add_part(
        number: tf.Tensor, sums: Sums, gradients: list[tf.Tensor]
    ) -> tuple[tf.Tensor, Sums, list[tf.Tensor]]:
        more, found = learn({name: part[number] for name, part in parts.items()}, number)
        sums = tf.nest.map_structure(tf.add, sums, more)
        return number + 1, sums, tf.nest.map_structure(tf.add, gradients, _as_float32(found))

    _, sums, gradients = tf.while_loop(
        lambda number, *_: number < count,
        add_part,
        (tf.constant(0), sums, gradients),
        parallel_iterations=1,  # more would hold the activations of several parts
        maximum_iterations=count,
    )
    return sums, gradients


def all_reduce(values: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
    """Sums tensors of one shape over replicas, in one message."""
    context = tf.distribute.get_replica_context()
    total = context.all_reduce(tf.distribute.ReduceOp.SUM, tf.stack(list(values.values())))
    return dict(zip(values, tf.unstack(total), strict=True))
