"""Hidden states to mixed hidden states: multi-head self-attention."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.kernels import kernel, sum_columns, sum_rows
from trainer.models.layers import Differentiable, Weights, drop_units, size
from trainer.models.names import LayerNames
from trainer.models.noise import Noise, drop

MASKED_SCORE = -1e9  # added to the scores of padding; exp of it is 0 in float32 and bfloat16


def attend(
    weights: Weights,
    layer: LayerNames,
    architecture: Architecture,
    asking: tf.Tensor,
    x: tf.Tensor,
    input_mask: tf.Tensor,
    noise: Noise,
) -> tf.Tensor:
    """A mixture of all tokens' values for each token that asks, head beside head.

    Args:
        weights: by name.
        layer: where they are.
        architecture: sizes and the rate of dropout.
        asking: (B, Q, H), the tokens that ask; x itself, if all do.
        x: (B, L, H).
        input_mask: (B, L) int32, 1 on real tokens.
        noise: for dropout.

    Returns:
        (B, Q, H), not yet projected.
    """
    a = architecture
    if asking is x:
        query, key, value = _heads(weights, [layer.query, layer.key, layer.value], x, a)
    else:
        (query,) = _heads(weights, [layer.query], asking, a)
        key, value = _heads(weights, [layer.key, layer.value], x, a)
    scores = tf.matmul(query, key, transpose_b=True)
    shares = attention_shares(
        scores,
        input_mask,
        noise.next_seed(),
        scale=a.head_size**-0.5,
        share=noise.share(a.attention_dropout),
    )
    mixed = tf.transpose(tf.matmul(shares, value), [0, 2, 1, 3])
    return tf.reshape(mixed, [*size(asking)[:2], a.hidden_size])


def _heads(
    weights: Weights, names: Sequence[str], x: tf.Tensor, architecture: Architecture
) -> tuple[tf.Tensor, ...]:
    """The linear layers of x (B, L, H), each (B, A, L, H / A).

    One product of several times the width is faster than several products.
    """
    weight = tf.concat([weights[f"{name}.weight"] for name in names], 0)
    bias = tf.concat([weights[f"{name}.bias"] for name in names], 0)
    together = tf.matmul(tf.reshape(x, [-1, x.shape[-1]]), weight, transpose_b=True)
    parts = len(names), architecture.num_heads, architecture.head_size
    return split_heads(together, bias, shape=(*size(x)[:2], *parts))


def split_heads(
    x: tf.Tensor, bias: tf.Tensor, *, shape: tuple[int | tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """Cuts x (B * L, C * H) + bias (C * H,) into C tensors (B, A, L, H / A).

    The shape is (B, L, C, A, H / A). Back, oneDNN's transposition takes a third of XLA's time.
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


def attention_shares(
    scores: tf.Tensor, input_mask: tf.Tensor, seed: tf.Tensor, *, scale: float, share: float
) -> tf.Tensor:
    """Scores (B, A, Q, L) to shares, which sum to 1 before some are dropped.

    The shares before dropout are kept for the backward pass, because working them out again would
    cost as much as all else in it.
    """

    @tf.custom_gradient
    def run(scores: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        shares = _softmax(scores, input_mask, scale=scale)
        dropped = drop_units(shares, seed, share=share) if share else shares

        def gradient(upstream: tf.Tensor) -> tf.Tensor:
            return _softmax_gradient(upstream, shares, seed, scale=scale, share=share)

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
    upstream: tf.Tensor, shares: tf.Tensor, seed: tf.Tensor, *, scale: float, share: float
) -> tf.Tensor:
    above = drop(tf.cast(upstream, tf.float32), seed, share)
    y = tf.cast(shares, tf.float32)
    return tf.cast(y * (above - sum_columns(above * y)) * scale, shares.dtype)
