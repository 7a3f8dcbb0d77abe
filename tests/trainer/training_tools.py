"""Make training states and train some steps, for tests."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from trainer.input.batches import training_batches
from trainer.input.distribute import distribute_batches
from trainer.input.instances import open_instances
from trainer.input.parse_records import Batch
from trainer.loop.checkpoints import Checkpoints
from trainer.loop.replicas import Sums
from trainer.loop.state import State, start_state
from trainer.loop.step import ReplicaStep, make_train_steps
from trainer.objectives.choose import choose_objective
from trainer.settings.training import TrainingSettings


def one_cpu() -> tf.distribute.Strategy:
    """Return the strategy of most tests."""
    return tf.distribute.OneDeviceStrategy("/cpu:0")


@functools.cache
def two_cpus() -> tf.distribute.Strategy:
    """Return two replicas in one process; shared, because each counts messages from 0."""
    return tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])


def new_state(
    settings: TrainingSettings, folder: str, strategy: tf.distribute.Strategy | None = None
) -> State:
    """Return the state before the first step."""
    objective = choose_objective(settings.model, open_instances(folder))
    with (strategy or one_cpu()).scope():
        return start_state(settings, objective)


def train_some(
    settings: TrainingSettings,
    folder: str,
    steps: int,
    strategy: tf.distribute.Strategy | None = None,
    *,
    save: tuple[int, Path] | None = None,
    restore: Path | None = None,
) -> tuple[State, list[float]]:
    """Train some steps; return the state and each step's loss.

    `save` is a step and the folder that gets its checkpoint, `restore` a folder to start from.
    """
    strategy = strategy or one_cpu()
    instances = open_instances(folder)
    objective = choose_objective(settings.model, instances)
    state = new_state(settings, folder, strategy)
    if restore:
        Checkpoints(str(restore), state.saved_variables(), state.step, keep=1).restore_latest()
    size = settings.trainer.global_batch_size
    batches = training_batches(
        instances,
        settings.masking,
        batch_size=size,
        seed=settings.seed,
        first_step=int(state.step.numpy()),
        length_buckets=settings.trainer.length_buckets,
    )
    iterator = iter(distribute_batches(strategy, batches, size))
    train_steps = make_train_steps(settings.trainer, strategy, objective, state, seed=settings.seed)
    losses = []
    for step in range(1, steps + 1):
        sums, _ = train_steps(iterator, tf.constant(1))
        losses.append(total(sums, objective.loss_weights))
        if save and step == save[0]:
            Checkpoints(str(save[1]), state.saved_variables(), state.step, keep=1).save()
    return state, losses


def total(sums: Sums, loss_weights: Mapping[str, float]) -> float:
    """Return the loss that is minimized."""
    return sum(weight * mean(sums, name) for name, weight in loss_weights.items())


def mean(sums: Sums, name: str) -> float:
    """Return a ratio as a number."""
    return float(sums[name].numerator) / float(sums[name].denominator)


def first_batch(settings: TrainingSettings, folder: str) -> dict[str, np.ndarray]:
    """Return the batch of step 0 as arrays."""
    return first_batches(settings, folder, 1)[0]


def first_batches(
    settings: TrainingSettings, folder: str, count: int
) -> list[dict[str, np.ndarray]]:
    """Return the batches of the first steps as arrays."""
    batches = training_batches(
        open_instances(folder),
        settings.masking,
        batch_size=settings.trainer.global_batch_size,
        seed=settings.seed,
        first_step=0,
    )
    return [{k: v.numpy() for k, v in batch.items()} for batch in batches.take(count)]


def start_from(
    make_settings: Callable[..., TrainingSettings], instances: str, folder: Path, **model: Any
) -> dict[str, np.ndarray]:
    """Return the weights at step 0 of a model that starts from the folder, with its sizes."""
    sizes = dict.fromkeys(("num_layers", "hidden_size", "num_heads", "intermediate_size"))
    settings = make_settings({**sizes, "start_from": str(folder), **model})
    return new_state(settings, instances).values()


def assert_equal_states(left: State, right: State) -> None:
    """Check that all numbers of two states are equal to the bit."""
    assert int(left.step.numpy()) == int(right.step.numpy())
    for name, variable in left.saved_variables().items():
        np.testing.assert_array_equal(variable.numpy(), right.saved_variables()[name].numpy(), name)


def assert_close(one: tuple[State, list[float]], other: tuple[State, list[float]]) -> None:
    """Check that losses and weights of two trainings differ by rounding only."""
    np.testing.assert_allclose(one[1], other[1], rtol=1e-5)
    for name, value in one[0].values().items():
        np.testing.assert_allclose(value, other[0].values()[name], atol=3e-5, err_msg=name)


def make_replica_step(
    settings: TrainingSettings, folder: str
) -> tuple[Callable[[Batch, tf.Tensor], Sums], State]:
    """Return the step of one replica, outside any strategy, and the state that it changes."""
    objective = choose_objective(settings.model, open_instances(folder))
    state = start_state(settings, objective)
    return ReplicaStep(settings.trainer, objective, state, seed=settings.seed).run, state
