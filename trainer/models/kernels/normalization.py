"""Normalize rows, also after a residual connection, with gradients in closed form."""

import tensorflow as tf

from trainer.models.architecture import LAYER_NORM_EPSILON
from trainer.models.kernels.compilation import Differentiable, kernel
from trainer.models.kernels.dropout import drop, drop_units
from trainer.models.kernels.sums import sum_columns, sum_rows


@tf.custom_gradient
def layer_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> Differentiable:
    """Normalize the rows of x (R, C) in float32; return x's type.

    The gradient is in closed form, from the rows' means and deviations, with fewer passes than
    automatic differentiation.
    """
    y, mean, inverse = _normalize(x, scale, shift)

    def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
        dx, dy_by_scale = _normalize_gradient(dy, x, mean, inverse, scale)
        return [dx, sum_rows(dy_by_scale, scale.dtype), sum_rows(dy, shift.dtype)]

    return y, gradient


def add_and_norm(
    x: tf.Tensor,
    change: tf.Tensor,
    bias: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    seed: tf.Tensor,
    *,
    rate: float,
) -> tf.Tensor:
    """Compute layer_norm(x + dropout(change + bias)); shapes as in `layers.add_and_norm`."""

    @tf.custom_gradient
    def add(x: tf.Tensor, change: tf.Tensor, bias: tf.Tensor) -> Differentiable:
        def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
            dropped = drop_units(dy, seed, rate=rate) if rate else dy
            return [dy, dropped, sum_rows(dropped)]

        return _add_dropped(x, change, bias, seed, rate=rate), gradient

    return layer_norm(add(x, change, bias), scale, shift)


@kernel
def _add_dropped(
    x: tf.Tensor, change: tf.Tensor, bias: tf.Tensor, seed: tf.Tensor, *, rate: float
) -> tf.Tensor:
    biased = tf.cast(change, tf.float32) + tf.cast(bias, tf.float32)
    return tf.cast(tf.cast(x, tf.float32) + drop(biased, seed, rate), x.dtype)


@kernel
def _normalize(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Return the normalized rows, their means (R, 1) and inverse deviations (R, 1)."""
    weight = 1 / x.shape[-1]
    wide = tf.cast(x, tf.float32)
    mean = sum_columns(wide) * weight
    centered = wide - mean
    inverse = tf.math.rsqrt(sum_columns(tf.square(centered)) * weight + LAYER_NORM_EPSILON)
    return tf.cast(centered * inverse * scale + shift, x.dtype), mean, inverse


@kernel
def _normalize_gradient(
    dy: tf.Tensor, x: tf.Tensor, mean: tf.Tensor, inverse: tf.Tensor, scale: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the gradients of x, and of the scale before its rows are summed: both (R, C)."""
    weight = 1 / x.shape[-1]
    wide = tf.cast(dy, tf.float32)
    y = (tf.cast(x, tf.float32) - mean) * inverse
    scaled = wide * scale
    along = sum_columns(scaled * y) * weight
    dx = inverse * (scaled - sum_columns(scaled) * weight - y * along)
    return tf.cast(dx, x.dtype), tf.cast(wide * y, x.dtype)
