"""Tensors to tensors: the few operations that an encoder is made of, in their fast forms."""

from collections.abc import Callable, Mapping

import tensorflow as tf

from trainer.models.kernels import differentiable_kernel, kernel, sum_columns, sum_rows
from trainer.models.noise import drop

LAYER_NORM_EPSILON = 1e-12  # BERT's, not Keras's 1e-3

Weights = Mapping[str, tf.Tensor]


def dense(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """A linear layer. x is (R, I); returns (R, O)."""
    return add_bias(product(x, weights, name), weights[f"{name}.bias"])


def product(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """A linear layer without its bias, which the kernel that follows adds. (R, I) to (R, O)."""
    return tf.matmul(x, weights[f"{name}.weight"], transpose_b=True)


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable[..., list[tf.Tensor]]]:
    """Adds a bias (C,) to every row of x (R, C).

    TensorFlow would do it inside oneDNN's product, which takes up to three times as long then, and
    its own gradient sums the rows ten times slower than `sum_rows`.
    """
    return _add(x, bias), lambda dy: [dy, sum_rows(dy)]


@kernel
def _add(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    return x + bias


@differentiable_kernel(bias="x")
def activate(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    """GELU of x (R, C) + bias (C,), in float32; returns x's type.

    Its form is "gelu", by the error function, or "gelu_new", by tanh (Hugging Face's names).
    """
    total = tf.cast(x, tf.float32) + tf.cast(bias, tf.float32)
    return tf.cast(tf.nn.gelu(total, approximate=form == "gelu_new"), x.dtype)


@differentiable_kernel(shift="result")
def layer_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    """Normalises the rows of x (R, C), in float32; returns x's type."""
    return tf.cast(_normalise(tf.cast(x, tf.float32)) * scale + shift, x.dtype)


@differentiable_kernel(bias="change", shift="result")
def add_and_norm(
    x: tf.Tensor,
    change: tf.Tensor,
    bias: tf.Tensor,
    scale: tf.Tensor,
    shift: tf.Tensor,
    seed: tf.Tensor,
    *,
    share: float,
) -> tf.Tensor:
    """The end of a block: norm(x + drop(change + bias)).

    Args:
        x: (R, H), what the block was given.
        change: (R, H), what it made of it, without the last layer's bias.
        bias: (H,).
        scale: (H,) float32, the normalisation's.
        shift: (H,) float32, the same.
        seed: (2,) int32, for dropout.
        share: of units that are dropped.
    """
    dropped = drop(tf.cast(change, tf.float32) + tf.cast(bias, tf.float32), seed, share)
    total = tf.cast(x, tf.float32) + dropped
    return tf.cast(_normalise(total) * scale + shift, x.dtype)


@differentiable_kernel()
def norm_and_drop(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, seed: tf.Tensor, *, share: float
) -> tf.Tensor:
    """The end of the embeddings: drop(norm(x)); arguments as above."""
    normalised = _normalise(tf.cast(x, tf.float32)) * scale + shift
    return tf.cast(drop(normalised, seed, share), x.dtype)


def norm_weights(weights: Weights, name: str) -> tuple[tf.Tensor, tf.Tensor]:
    """A normalisation's scale and shift."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


@tf.custom_gradient
def _normalise(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """(x - mean) / deviation, with the gradient in closed form (fewer passes than autodiff's)."""
    share = 1 / x.shape[-1]
    centred = x - sum_columns(x) * share
    variance = sum_columns(tf.square(centred)) * share
    inverse = tf.math.rsqrt(variance + LAYER_NORM_EPSILON)
    y = centred * inverse

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        along = sum_columns(dy * y) * share
        return inverse * (dy - sum_columns(dy) * share - y * along)

    return y, gradient


def look_up(table: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Rows of a table. table is (V, H), ids any shape of int32; returns ids' shape + (H,).

    The gradient is dense: a tied table gets another from the output layer, and adding two dense
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


def size(x: tf.Tensor) -> list[int | tf.Tensor]:
    """The dimensions: static where they are known, as in training; a signature leaves some open."""
    dynamic = tf.shape(x)
    return [dynamic[n] if known is None else known for n, known in enumerate(x.shape)]


def compute_weights(
    variables: Mapping[str, tf.Variable], compute_type: tf.DType
) -> dict[str, tf.Tensor]:
    """The weights as the forward pass uses them; normalisation's stay in float32."""
    return {
        name: tf.convert_to_tensor(variable) if _is_norm(name) else tf.cast(variable, compute_type)
        for name, variable in variables.items()
    }


def _is_norm(name: str) -> bool:
    return "LayerNorm" in name or "layer_norm" in name
