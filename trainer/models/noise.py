"""A seed and a place to dropout: which units of a step are dropped."""

import math

import tensorflow as tf

from trainer.draws import RowDraws


class Noise:
    """Random numbers of one step on one replica.

    Args:
        seed: (2,) int32 tensor, another for every step and part of a batch; units are dropped by
            it, in the order of calls. None: none is.
        rows: what is drawn by the row's place in the global batch.
    """

    def __init__(self, seed: tf.Tensor | None, rows: RowDraws | None = None) -> None:
        self._seed = seed
        self._calls = 0
        self.rows = rows

    def share(self, rate: float) -> float:
        """The share of units that are dropped: the rate, or 0 outside training."""
        return 0.0 if self._seed is None else rate

    def next_seed(self) -> tf.Tensor:
        """(2,) int32, for one call of `drop`."""
        if self._seed is None:
            return tf.zeros([2], tf.int32)
        self._calls += 1
        return self._seed + tf.constant([self._calls, 0])


NO_NOISE = Noise(None)


def drop(x: tf.Tensor, seed: tf.Tensor, share: float) -> tf.Tensor:
    """Sets a share of x's units to 0 and scales the others up, in float32; returns x's type.

    Whether a unit stays depends on the seed and the unit's place alone. So the backward pass works
    it out again, and nothing has to be kept between the two.

    Args:
        x: of a static shape.
        seed: (2,) int32.
        share: 0 to 1.
    """
    if share == 0.0:
        return x
    shape = x.shape.as_list()
    places = tf.cast(tf.reshape(tf.range(math.prod(shape)), shape), tf.uint32)
    words = tf.bitcast(seed, tf.uint32)
    draws = _scatter(_scatter(places ^ words[0]) ^ words[1])
    keep = draws >= tf.constant(round(share * 2**32), tf.uint32)
    return tf.cast(tf.where(keep, tf.cast(x, tf.float32) * (1 / (1 - share)), 0.0), x.dtype)


def _scatter(x: tf.Tensor) -> tf.Tensor:
    """A permutation of the 32-bit numbers without visible order (C. Wellons's `lowbias32`).

    Six operations of integers, which XLA turns into one loop with what uses them; TensorFlow's
    stateless generators cost ten times as much on a CPU.
    """
    x = (x ^ _shift(x, 16)) * tf.constant(0x7FEB352D, tf.uint32)
    x = (x ^ _shift(x, 15)) * tf.constant(0x846CA68B, tf.uint32)
    return x ^ _shift(x, 16)


def _shift(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, tf.constant(bits, tf.uint32))
