"""Drop units by a hash of the seed and the unit's place, so that nothing has to be stored."""

import math

import tensorflow as tf

from trainer.models.kernels.compilation import Differentiable, kernel


def drop(x: tf.Tensor, seed: tf.Tensor, rate: float) -> tf.Tensor:
    """Set a fraction of x's units to 0 and scale the others up, in float32; return x's type.

    Whether a unit is kept depends only on the seed and the unit's place, so the backward pass
    recomputes it.
    """
    if rate == 0.0:
        return x
    keep = keep_mask(x.shape.as_list(), seed, rate)
    return tf.cast(tf.where(keep, tf.cast(x, tf.float32) * (1 / (1 - rate)), 0.0), x.dtype)


def keep_mask(shape: list[int], seed: tf.Tensor, rate: float) -> tf.Tensor:
    """Draw for each unit whether it is kept; returns a bool tensor of the shape.

    The first word of the seed is scattered, because those of two calls in a step differ in their
    last bits alone: so would the places, and the calls would drop the same units in another order.
    """
    # In int64, because TensorFlow counts int32 on the host and copies the result to a GPU.
    places = tf.cast(tf.reshape(tf.range(math.prod(shape), dtype=tf.int64), shape), tf.uint32)
    words = tf.bitcast(seed, tf.uint32)
    draws = _scatter(_scatter(places ^ _scatter(words[0])) ^ words[1])
    return draws >= tf.constant(round(rate * 2**32), tf.uint32)


drop_units = kernel(drop)


def dropout(x: tf.Tensor, seed: tf.Tensor, *, rate: float) -> tf.Tensor:
    """Apply dropout, with the same kernel forward and backward."""

    @tf.custom_gradient
    def run(x: tf.Tensor) -> Differentiable:
        return drop_units(x, seed, rate=rate), lambda dy: drop_units(dy, seed, rate=rate)

    return run(x) if rate else x


def _scatter(x: tf.Tensor) -> tf.Tensor:
    """Permute the 32-bit numbers without visible order (C. Wellons's `lowbias32`).

    Six integer operations, which XLA fuses into the loop that uses them; TensorFlow's stateless
    generators cost ten times as much on a CPU.
    """
    x = (x ^ _shift(x, 16)) * tf.constant(0x7FEB352D, tf.uint32)
    x = (x ^ _shift(x, 15)) * tf.constant(0x846CA68B, tf.uint32)
    return x ^ _shift(x, 16)


def _shift(x: tf.Tensor, bits: int) -> tf.Tensor:
    return tf.bitwise.right_shift(x, tf.constant(bits, tf.uint32))
