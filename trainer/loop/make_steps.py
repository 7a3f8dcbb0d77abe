"""Settings to the compiled function that trains some steps."""

import functools
from collections.abc import Callable

import tensorflow as tf

from core.errors import InputError
from trainer.loop.state import State
from trainer.loop.step import FILL, ReplicaStep, TrainSteps, make_replica_step, make_train_steps
from trainer.objectives.choose import PreTraining
from trainer.optimizers.schedule import learning_rate
from trainer.settings.training import TrainerSettings

Rate = Callable[[tf.Tensor], tf.Tensor]  # of a step


def make_steps(
    settings: TrainerSettings,
    strategy: tf.distribute.Strategy,
    objective: PreTraining,
    state: State,
    *,
    seed: int,
    rate: Rate | None = None,
) -> TrainSteps:
    """The compiled function that trains some steps.

    Args:
        settings: of the steps.
        strategy: where.
        objective: what is learned.
        state: what a step changes.
        seed: the recipe's.
        rate: the learning rate of a step; None: the settings' schedule.

    Raises:
        InputError: replicas and parts do not divide the batch.
    """
    _check_batch(settings, strategy.num_replicas_in_sync)
    replica_step = step_of_replica(settings, objective, state, seed=seed, rate=rate)
    own = *FILL, "gradient_norm", "learning_rate"
    names = (*objective.loss_weights, *objective.measures, *own)
    return make_train_steps(strategy, replica_step, state.step, names)


def step_of_replica(
    settings: TrainerSettings,
    objective: PreTraining,
    state: State,
    *,
    seed: int,
    rate: Rate | None = None,
) -> ReplicaStep:
    """The step as each replica runs it; arguments as above."""
    return make_replica_step(
        objective,
        state.variables,
        state.optimizer,
        rate or functools.partial(learning_rate, settings),
        compute_type=tf.as_dtype(settings.precision),
        clip_norm=settings.clip_norm,
        seed=seed,
        accumulate_steps=settings.accumulate_steps,
        length_buckets=settings.length_buckets,
    )


def _check_batch(s: TrainerSettings, replicas: int) -> None:
    parts = replicas * s.accumulate_steps
    if s.global_batch_size % parts:
        raise InputError(
            f"trainer.global_batch_size {s.global_batch_size} is not a multiple of {replicas} "
            f"replicas x {s.accumulate_steps} parts (trainer.accumulate_steps). Take "
            f"{s.global_batch_size // parts * parts or parts}, for example."
        )
