"""Give every dropout call of a step a seed of its own."""

from collections.abc import Callable

import tensorflow as tf

from trainer.row_draws import RowDraws


class Noise:
    """Random numbers of one step on one replica.

    Args:
        seed: (2,) int32, another for every step and part of a batch; the n-th dropout call gets the
            n-th seed derived from it. None: no dropout.
        rows: random numbers by a row's place in the global batch.
    """

    def __init__(self, seed: tf.Tensor | None, rows: RowDraws | None = None) -> None:
        self._seed = seed
        self._calls = 0
        self.rows = rows

    def next_dropout(self, rate: float) -> tuple[tf.Tensor, float]:
        """Return a seed (2,) int32 for one dropout call, and its rate: 0 without dropout."""
        if self._seed is None:
            return tf.zeros([2], tf.int32), 0.0
        self._calls += 1
        return self._seed + tf.constant([self._calls, 0]), rate

    def reserve(self, calls: int) -> Callable[[], "Noise"]:
        """Reserve the next dropout calls; return a function that makes their noise, each time."""
        first = self._calls
        self._calls += calls

        def repeat() -> Noise:
            noise = Noise(self._seed, self.rows)
            noise._calls = first
            return noise

        return repeat


NO_NOISE = Noise(None)
