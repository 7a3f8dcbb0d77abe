"""Coordinate the processes that train together."""

import contextlib
import functools
from collections.abc import Iterator

import tensorflow as tf

from core.errors import InputError, TextmillError

# TensorFlow's errors when another worker is gone.
LOST = (
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


class WorkerLostError(TextmillError):
    """Another worker of the same training run is gone."""


class Workers:
    """The processes of a run, usually one. All have to make the same calls in the same order."""

    def __init__(self, strategy: tf.distribute.Strategy) -> None:
        self._strategy = strategy
        resolver = strategy.cluster_resolver
        cluster = resolver.cluster_spec() if resolver is not None else None
        tasks = cluster.as_dict() if cluster else {}
        self.count = sum(len(tasks.get(name, ())) for name in ("chief", "worker")) or 1
        if isinstance(strategy, tf.distribute.TPUStrategy):
            self.count = 1  # one process controls all hosts
        self.is_chief = self.count == 1 or _is_chief(resolver)

    def gather(self, value: int) -> list[int]:
        """Return the values of all workers, each repeated for every replica of its worker."""
        if self.count == 1:
            return [value]
        return [int(each) for each in self._gather(tf.constant(value, tf.int64)).numpy()]

    def wait(self) -> None:
        """Wait until every worker has called this."""
        self.gather(0)

    def leave(self) -> None:
        """Wait until every worker has called this, and none needs another one any more."""
        self.wait()
        # A worker that has the sum of `wait` may not end at once: others may still be fetching it
        # from there. All of them have it before any can leave this second wait, in which a worker
        # that has already left is missed by no one.
        with contextlib.suppress(*LOST):
            self.wait()

    def check_same_step(self, steps_done: int, checkpoint_root: str) -> None:
        """Check that all workers resumed at the same step.

        Raises:
            InputError: they did not.
        """
        steps = self.gather(steps_done)
        if len(set(steps)) > 1:
            raise InputError(
                f"The workers found checkpoints of different steps: {steps}. Set checkpoint_root "
                f"({checkpoint_root}) to a folder that all of them share."
            )

    @functools.cached_property
    def _gather(self) -> tf.types.experimental.PolymorphicFunction:
        def gather_replica(value: tf.Tensor) -> tf.Tensor:
            context = tf.distribute.get_replica_context()
            replicas = context.num_replicas_in_sync
            own = tf.one_hot(context.replica_id_in_sync_group, replicas, dtype=tf.int64) * value
            return context.all_reduce(tf.distribute.ReduceOp.SUM, own)

        @tf.function(autograph=False)
        def gather(value: tf.Tensor) -> tf.Tensor:
            results = self._strategy.run(gather_replica, args=(value,))
            return self._strategy.experimental_local_results(results)[0]

        return gather


def _is_chief(resolver: tf.distribute.cluster_resolver.ClusterResolver) -> bool:
    """Return whether this task is the chief, or the first worker if there is no chief."""
    if resolver.task_type == "chief":
        return True
    has_chief = "chief" in resolver.cluster_spec().as_dict()
    return not has_chief and resolver.task_type == "worker" and resolver.task_id == 0


@contextlib.contextmanager
def explain_lost_workers(workers: Workers, checkpoint_root: str) -> Iterator[None]:
    """Turn TensorFlow's errors about lost workers into WorkerLostError."""
    try:
        yield
    except LOST as error:
        if workers.count == 1:
            raise
        raise WorkerLostError(
            f"One of the {workers.count} workers is gone ({type(error).__name__}; its own log "
            f"says why). Start all of them again: they resume from the last checkpoint in "
            f"{checkpoint_root}."
        ) from error
