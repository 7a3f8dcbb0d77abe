"""Tensors to tensors: the few operations that an encoder is made of, in their fast forms."""

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from trainer.models.kernels import kernel, sum_columns, sum_rows
from trainer.models.noise import drop

LAYER_NORM_EPSILON = 1e-12  # BERT's, not Keras's 1e-3

drop_units = kernel(drop)

Weights = Mapping[str, tf.Tensor]
Differentiable = tuple[Any, Callable[..., Any]]  # results, and results' gradients to arguments'


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


def activate(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    """GELU of x (R, C) + bias (C,), in float32; returns x's type.

    Its form is "gelu", by the error function, or "gelu_new", by tanh (Hugging Face's names). The
    backward pass works the function's inside out anew.
    """

    @tf.custom_gradient
    def run(x: tf.Tensor, bias: tf.Tensor) -> Differentiable:
        def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
            dx = _activation_gradient(dy, x, bias, form=form)
            return [dx, sum_rows(dx)]

        return _activation(x, bias, form=form), gradient

    return run(x, bias)


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

    @tf.custom_gradient
    def add(x: tf.Tensor, change: tf.Tensor, bias: tf.Tensor) -> Differentiable:
        def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
            dropped = drop_units(dy, seed, share=share) if share else dy
            return [dy, dropped, sum_rows(dropped)]

        return _add_dropped(x, change, bias, seed, share=share), gradient

    return layer_norm(add(x, change, bias), scale, shift)


def norm_and_drop(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor, seed: tf.Tensor, *, share: float
) -> tf.Tensor:
    """The end of the embeddings: drop(norm(x)); arguments as above."""

    @tf.custom_gradient
    def dropped(x: tf.Tensor) -> Differentiable:
        return drop_units(x, seed, share=share), lambda dy: drop_units(dy, seed, share=share)

    y = layer_norm(x, scale, shift)
    return dropped(y) if share else y


@tf.custom_gradient
def layer_norm(x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor) -> Differentiable:
    """Normalises the rows of x (R, C), in float32; returns x's type.

    The gradient is in closed form, of the rows' means and deviations (fewer passes than
    autodiff's).
    """
    y, mean, inverse = _norm(x, scale, shift)

    def gradient(dy: tf.Tensor) -> list[tf.Tensor]:
        dx, dy_by_scale = _norm_gradient(dy, x, mean, inverse, scale)
        return [dx, sum_rows(dy_by_scale, scale.dtype), sum_rows(dy, shift.dtype)]

    return y, gradient


def norm_weights(weights: Weights, name: str) -> tuple[tf.Tensor, tf.Tensor]:
    """A normalisation's scale and shift."""
    return weights[f"{name}.weight"], weights[f"{name}.bias"]


@kernel
def _activation(x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    total = tf.cast(x, tf.float32) + tf.cast(bias, tf.float32)
    return tf.cast(tf.nn.gelu(total, approximate=form == "gelu_new"), x.dtype)


@kernel
def _activation_gradient(dy: tf.Tensor, x: tf.Tensor, bias: tf.Tensor, *, form: str) -> tf.Tensor:
    total = tf.cast(x, tf.float32) + tf.cast(bias, tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(total)
        y = tf.nn.gelu(total, approximate=form == "gelu_new")
    return tf.cast(tape.gradient(y, total, tf.cast(dy, tf.float32)), x.dtype)


@kernel
def _add_dropped(
    x: tf.Tensor, change: tf.Tensor, bias: tf.Tensor, seed: tf.Tensor, *, share: float
) -> tf.Tensor:
    biased = tf.cast(change, tf.float32) + tf.cast(bias, tf.float32)
    return tf.cast(tf.cast(x, tf.float32) + drop(biased, seed, share), x.dtype)


@kernel
def _norm(
    x: tf.Tensor, scale: tf.Tensor, shift: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """The normalised rows, their means (R, 1) and inverse deviations (R, 1)."""
    share = 1 / x.shape[-1]
    wide = tf.cast(x, tf.float32)
    mean = sum_columns(wide) * share
    centred = wide - mean
    inverse = tf.math.rsqrt(sum_columns(tf.square(centred)) * share + LAYER_NORM_EPSILON)
    return tf.cast(centred * inverse * scale + shift, x.dtype), mean, inverse


@kernel
def _norm_gradient(
    dy: tf.Tensor, x: tf.Tensor, mean: tf.Tensor, inverse: tf.Tensor, scale: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Gradients of x, and of the scale before its rows are added up: both (R, C)."""
    share = 1 / x.shape[-1]
    wide = tf.cast(dy, tf.float32)
    y = (tf.cast(x, tf.float32) - mean) * inverse
    scaled = wide * scale
    along = sum_columns(scaled * y) * share
    dx = inverse * (scaled - sum_columns(scaled) * share - y * along)
    return tf.cast(dx, x.dtype), tf.cast(wide * y, x.dtype)


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
