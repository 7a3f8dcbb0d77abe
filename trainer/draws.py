"""A row's place in the global batch to its random numbers, on whatever replica the row is."""

from dataclasses import dataclass

import tensorflow as tf

ALGORITHM = "philox"  # the same bits on every device; the default differs on TPUs


@dataclass(frozen=True)
class RowDraws:
    """Random numbers of a part of a global batch.

    All rows' numbers are drawn on every replica, which then keeps its own: they are few.
    """

    seed: tf.Tensor  # (2,) int32, of the step
    first: int | tf.Tensor  # the part's first row in the global batch
    rows: int | tf.Tensor  # of the global batch

    def integers(self, rows: int | tf.Tensor, columns: int, limit: int) -> tf.Tensor:
        """(rows, columns) int32 from 0 to below the limit, for the part's first rows."""
        drawn = tf.random.stateless_uniform(
            [self.rows, columns], self.seed, 0, limit, dtype=tf.int32, alg=ALGORITHM
        )
        return tf.slice(drawn, [self.first, 0], [rows, columns])
