"""Split attention heads, and turn scores into probabilities, with gradients in closed form."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.architecture import MASKED_SCORE
from trainer.models.kernels.compilation import Differentiable, kernel
from trainer.models.kernels.dropout import drop, drop_units
from trainer.models.kernels.sums import sum_columns, sum_rows


def split_heads(
    x: tf.Tensor, bias: tf.Tensor, *, shape: tuple[int | tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """Split x (B * L, C * H) + bias (C * H,) into C tensors (B, A, L, H / A).

    On the way back, oneDNN's transposition takes a third of the time of XLA's.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor, bias: tf.Tensor) -> Differentiable:
        def gradient(*upstream: tf.Tensor) -> list[tf.Tensor]:
            together = tf.transpose(tf.stack(upstream), [1, 3, 0, 2, 4])
            dx = tf.reshape(together, tf.shape(x))
            return [dx, sum_rows(dx)]

        return _split_heads(x, bias, shape=shape), gradient

    heads: tuple[tf.Tensor, ...] = run(x, bias)
    return heads


def attention_probabilities(
    scores: tf.Tensor, input_mask: tf.Tensor, seed: tf.Tensor, *, scale: float, rate: float
) -> tf.Tensor:
    """Compute dropout(softmax(scale * scores)) over real tokens; shapes as in `layers`.

    The probabilities before dropout are kept for the backward pass, because recomputing them would
    cost as much as everything else in it.
    """

    @tf.custom_gradient
    def run(scores: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        probabilities = _softmax(scores, input_mask, scale=scale)
        dropped = drop_units(probabilities, seed, rate=rate) if rate else probabilities

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return _softmax_gradient(upstream, probabilities, seed, scale=scale, rate=rate)

        return dropped, gradient

    return run(scores)


@kernel
def _split_heads(
    x: tf.Tensor, bias: tf.Tensor, *, shape: tuple[int | tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    apart = tf.reshape(x + bias, shape)
    return tuple(tf.unstack(tf.transpose(apart, [2, 0, 3, 1, 4])))


@kernel
def _softmax(scores: tf.Tensor, input_mask: tf.Tensor, *, scale: float) -> tf.Tensor:
    bias = tf.cast(1 - input_mask, tf.float32)[:, None, None, :] * MASKED_SCORE
    return tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32) * scale + bias), scores.dtype)


@kernel
def _softmax_gradient(
    upstream: tf.Tensor, probabilities: tf.Tensor, seed: tf.Tensor, *, scale: float, rate: float
) -> tf.Tensor:
    above = drop(tf.cast(upstream, tf.float32), seed, rate)
    y = tf.cast(probabilities, tf.float32)
    return tf.cast(y * (above - sum_columns(above * y)) * scale, probabilities.dtype)
