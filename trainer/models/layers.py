"""Define the layers that the models share.

The body of each function marked `computed_by` is its mathematics, in float32. What runs is the fast
form named in the mark, which returns the type of x. See `kernels/` only for speed.
"""

from collections.abc import Mapping

import tensorflow as tf

from trainer.models.architecture import LAYER_NORM_EPSILON, MASKED_SCORE
from trainer.models.kernels import attention, dropout, linear, normalization
from trainer.models.kernels.compilation import computed_by

Weights = Mapping[str, tf.Tensor]  # by Hugging Face's names


def dense(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """Apply a linear layer: (R, I) to (R, O)."""
    return add_bias(product(x, weights, name), weights[f"{name}.bias"])


def product(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """Apply a linear layer without its bias, which the next operation adds: (R, I) to (R, O)."""
    return tf.matmul(x, weights[f"{name}.weight"], transpose_b=True)


@computed_by(linear.add_bias)
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """Add a bias (C,) to every row of x (R, C)."""
    return x + bias


def dense_gelu(x: tf.Tensor, weights: Weights, name: str, *, form: str) -> tf.Tensor:
    """Apply a linear layer and GELU: (R, I) to (R, O); form as for `gelu`."""
    return gelu(product(x, weights, name), weights[f"{name}.bias"], form=form)


@computed_by(linear.gelu)
def gelu(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    """Compute the GELU of x (R, C) + bias (C,).

    Args:
        x: (R, C).
        bias: (C,).
        form: "gelu" uses the error function, "gelu_new" the tanh approximation (Hugging Face's
            names).
    """
    return tf.nn.gelu(x + bias, approximate=form == "gelu_new")


@computed_by(normalization.layer_norm)
def layer_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Normalize the rows of x (R, C); scale and shift are (C,) float32."""
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    return (x - mean) / tf.sqrt(variance + LAYER_NORM_EPSILON) * scale + shift


@computed_by(normalization.add_and_norm)
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
    """End a block: add its result to its input, and normalize.

    Args:
        x: (R, H), the block's input.
        change: (R, H), the block's result without the bias of its last layer.
        bias: (H,), of that layer.
        scale: (H,) float32, of the normalization.
        shift: (H,) float32, of the normalization.
        seed: (2,) int32, for dropout.
        rate: dropout rate.
    """
    return layer_norm(x + drop(change + bias, seed, rate=rate), scale, shift)


@computed_by(dropout.dropout)
def drop(x: tf.Tensor, seed: tf.Tensor, *, rate: float) -> tf.Tensor:
    """Apply dropout: set a fraction of the units to 0 and scale the others up.

    `x` has any static shape; `seed` is (2,) int32.
    """
    if not rate:
        return x
    return tf.where(dropout.keep_mask(x.shape.as_list(), seed, rate), x / (1 - rate), 0.0)


@computed_by(attention.split_heads)
def split_heads(
    x: tf.Tensor, bias: tf.Tensor, *, shape: tuple[int | tf.Tensor, ...]
) -> tuple[tf.Tensor, ...]:
    """Split the product of C linear layers by heads.

    Args:
        x: (B * L, C * H).
        bias: (C * H,).
        shape: (B, L, C, A, H / A).

    Returns:
        C tensors (B, A, L, H / A).
    """
    return tuple(tf.unstack(tf.transpose(tf.reshape(x + bias, shape), [2, 0, 3, 1, 4])))


@computed_by(attention.attention)
def attend(
    query: tf.Tensor,
    key: tf.Tensor,
    value: tf.Tensor,
    input_mask: tf.Tensor,
    seed: tf.Tensor,
    *,
    scale: float,
    rate: float,
) -> tf.Tensor:
    """Attend to real tokens: dropout(softmax(scale * query key^T)) value, for each head.

    Args:
        query: (B, A, Q, H / A).
        key: (B, A, L, H / A).
        value: (B, A, L, H / A).
        input_mask: (B, L) int32, 1 on real tokens.
        seed: (2,) int32, for dropout.
        scale: the products of query and key are multiplied by it.
        rate: dropout rate of the probabilities, whose rows sum to 1 before dropout.

    Returns:
        (B, A, Q, H / A).
    """
    bias = tf.cast(1 - input_mask, tf.float32)[:, None, None, :] * MASKED_SCORE
    probabilities = tf.nn.softmax(tf.matmul(query, key, transpose_b=True) * scale + bias)
    return tf.matmul(drop(probabilities, seed, rate=rate), value)


@computed_by(linear.look_up)
def look_up(table: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Return rows of a table (V, H) by ids of any shape: the ids' shape + (H,)."""
    return tf.gather(table, ids)


def norm_weights(weights: Weights, name: str) -> tuple[tf.Tensor, tf.Tensor]:
    """Return the scale and shift of a layer normalization."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


def sizes(x: tf.Tensor) -> list[int | tf.Tensor]:
    """Return the dimensions of x: numbers where they are static, as during training."""
    dynamic = tf.shape(x)
    return [dynamic[n] if known is None else known for n, known in enumerate(x.shape)]


def compute_weights(
    variables: Mapping[str, tf.Variable], compute_type: tf.DType
) -> dict[str, tf.Tensor]:
    """Cast the weights to the type of the computation; those of normalization stay in float32."""
    return {
        name: tf.convert_to_tensor(variable) if _is_norm(name) else tf.cast(variable, compute_type)
        for name, variable in variables.items()
    }


def _is_norm(name: str) -> bool:
    return "LayerNorm" in name or "layer_norm" in name
