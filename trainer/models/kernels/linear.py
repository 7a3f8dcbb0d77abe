"""Add a bias, activate, and look up rows of a table, with gradients in few passes."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.kernels.compilation import Differentiable, kernel
from trainer.models.kernels.sums import sum_rows


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> Differentiable:
    """Add a bias (C,) to every row of x (R, C).

    TensorFlow would fuse the bias into oneDNN's product, which then takes up to three times as
    long, and its own gradient sums the rows ten times slower than `sum_rows`.
    """
    return _add(x, bias), lambda dy: [dy, sum_rows(dy)]


def gelu(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    """Compute the GELU of x (R, C) + bias (C,) in float32; return x's type.

    The backward pass recomputes the pre-activation.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor, bias: tf.Tensor) -> Differentiable:
        def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
            dx = _gelu_gradient(dy, x, bias, form=form)
            return [dx, sum_rows(dx)]

        return _gelu(x, bias, form=form), gradient

    return run(x, bias)


def look_up(table: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Return rows of a table (V, H) by ids of any shape.

    The gradient is dense: a tied table gets another one from the output layer, and adding two dense
    tensors is cheaper than making slices of one.
    """

    @tf.custom_gradient
    def rows(table: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        def gradient(dy: tf.Tensor) -> tf.Tensor:
            flat = tf.reshape(tf.cast(dy, tf.float32), [-1, table.shape[1]])
            total = tf.math.unsorted_segment_sum(flat, tf.reshape(ids, [-1]), table.shape[0])
            return tf.cast(total, table.dtype)

        return tf.gather(table, ids), gradient

    return rows(table)


@kernel
def _add(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    return x + bias


@kernel
def _gelu(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    total = tf.cast(x, tf.float32) + tf.cast(bias, tf.float32)
    return tf.cast(tf.nn.gelu(total, approximate=form == "gelu_new"), x.dtype)


@kernel
def _gelu_gradient(dy: tf.Tensor, x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    total = tf.cast(x, tf.float32) + tf.cast(bias, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(total)
        y = tf.nn.gelu(total, approximate=form == "gelu_new")
    return tf.cast(tape.gradient(y, total, tf.cast(dy, tf.float32)), x.dtype)
