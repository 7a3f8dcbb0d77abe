"""Split attention heads, and attend, with gradients in closed form."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.architecture import MASKED_SCORE
from trainer.models.kernels.compilation import Differentiable, is_compiling, kernel
from trainer.models.kernels.dropout import drop, drop_units
from trainer.models.kernels.recompute import recompute_after
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


def attention(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    input_mask: tf.Tensor,
    seed: tf.Tensor,
    *,
    scale: float,
    rate: float,
) -> tf.Tensor:
    """Compute dropout(softmax(scale * query key^T)) value; shapes as in `layers`.

    Scores and probabilities, (B, A, Q, L), are in the type of the query; only the arithmetic
    between them is in float32, inside one loop where XLA compiles it.

    Where kernels are compiled, on a CPU, the probabilities are kept for the backward pass, because
    computing them again costs as much as everything else in it. Elsewhere nothing of that shape is
    kept: computing them again costs 0.4 % of a BERT-base step at L = 128, and 1.7 % at 512.
    """

    @tf.custom_gradient
    def run(
        query: tf.Tensor, key: tf.Tensor, value: tf.Tensor
    ) -> tuple[tf.Tensor, Callable[[tf.Tensor], list[tf.Tensor]]]:
        kept = _probabilities(query, key, input_mask, seed, scale=scale, rate=rate)

        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            q, k, v, mask = query, key, value, input_mask
            if is_compiling():
                probabilities, dropped = kept
            else:
                q, k, v, mask = recompute_after(upstream, [q, k, v, mask])
                probabilities, dropped = _probabilities(q, k, mask, seed, scale=scale, rate=rate)
            by_dropped = tf.matmul(upstream, v, transpose_b=True)
            by_scores = _softmax_gradient(by_dropped, probabilities, seed, scale=scale, rate=rate)
            return [
                tf.matmul(by_scores, k),
                tf.matmul(by_scores, q, transpose_a=True),
                tf.matmul(dropped, upstream, transpose_a=True),
            ]

        return tf.matmul(kept[1], value), gradient

    return run(query, key, value)


def _probabilities(
    query: tf.Tensor,
    key: tf.Tensor,
    input_mask: tf.Tensor,
    seed: tf.Tensor,
    *,
    scale: float,
    rate: float,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the attention probabilities (B, A, Q, L) before and after dropout."""
    scores = tf.matmul(query, key, transpose_b=True)
    probabilities = _softmax(scores, input_mask, scale=scale)
    return probabilities, drop_units(probabilities, seed, rate=rate) if rate else probabilities


@kernel
def _split_heads(
    x: tf.Tensor, bias: tf.Tensor, *, shape: tuple[int | tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    apart = tf.reshape(x + bias, shape)
    return tuple(tf.unstack(tf.transpose(apart, [2, 0, 3, 1, 4])))


@kernel
def _softmax(scores: tf.Tensor, input_mask: tf.Tensor, *, scale: float) -> tf.Tensor:
    bias = (1 - tf.cast(input_mask, tf.float32))[:, None, None, :] * MASKED_SCORE
    return tf.cast(tf.nn.softmax(tf.cast(scores, tf.float32) * scale + bias), scores.dtype)


@kernel
def _softmax_gradient(
    upstream: tf.Tensor, probabilities: tf.Tensor, seed: tf.Tensor, *, scale: float, rate: float
) -> tf.Tensor:
    above = drop(tf.cast(upstream, tf.float32), seed, rate)
    y = tf.cast(probabilities, tf.float32)
    return tf.cast(y * (above - sum_columns(above * y)) * scale, probabilities.dtype)
