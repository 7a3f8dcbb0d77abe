"""Draw random numbers for rows of a global batch, the same on every number of replicas."""

import dataclasses
from dataclasses import dataclass

import tensorflow as tf

ALGORITHM = "philox"  # the same bits on every device; the default differs on TPUs


@dataclass(frozen=True)
class RowDraws:
    """Random numbers for consecutive rows of a global batch.

    Every replica draws the numbers of all rows and keeps its own, so that a row gets the same
    numbers on every replica. They are few.
    """

    seed: tf.Tensor  # (2,) int32
    first: int | tf.Tensor = 0  # the first of the rows, counted in the global batch
    total: int | tf.Tensor | None = None  # rows of the global batch; None: only the drawn rows

    def integers(self, rows: int | tf.Tensor, columns: int | tf.Tensor, limit: int) -> tf.Tensor:
        """Return (rows, columns) int32, uniform below the limit."""
        drawn = tf.random.stateless_uniform(
            [rows if self.total is None else self.total, columns],
            self.seed,
            0,
            limit,
            dtype=tf.int32,
            alg=ALGORITHM,
        )
        if self.total is None:
            return drawn
        return tf.slice(drawn, [self.first, 0], [rows, columns])

    def fold_in(self, number: int) -> "RowDraws":
        """Return draws for the same rows that are independent of these and of other numbers'."""
        seed = tf.random.experimental.stateless_fold_in(self.seed, number, alg=ALGORITHM)
        return dataclasses.replace(self, seed=seed)
