"""Tensors to tensors: the few operations that an encoder is made of, in their fast forms."""

import math
from collections.abc import Callable, Mapping

import tensorflow as tf

from trainer.row_draws import RowDraws

LAYER_NORM_EPSILON = 1e-12  # BERT's, not Keras's 1e-3
MASKED_SCORE = -1e9  # added to the scores of padding; exp of it is 0 in float32 and bfloat16

Weights = Mapping[str, tf.Tensor]


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

    def drop(self, x: tf.Tensor, rate: float) -> tf.Tensor:
        """Drops a share of x's units and scales the others up; x has a static shape.

        A unit is kept by comparing 8 random bits with a threshold, which costs a quarter of the
        random numbers that a float would. So the rate is rounded to 1/256 (0.1 becomes 26/256).
        """
        threshold = round(rate * 256)
        if self._seed is None or threshold == 0:
            return x
        shape = x.shape.as_list()
        words = -(-math.prod(shape) // 4)
        bits = tf.random.stateless_uniform(
            [words], self._next_seed(), minval=None, maxval=None, dtype=tf.uint32
        )
        octets = tf.reshape(tf.bitcast(bits, tf.uint8), [-1])[: math.prod(shape)]
        keep = tf.reshape(octets >= tf.cast(threshold, tf.uint8), shape)
        return tf.where(keep, x * (256 / (256 - threshold)), tf.zeros([], x.dtype))

    def _next_seed(self) -> tf.Tensor:
        self._calls += 1
        return self._seed + tf.constant([self._calls, 0])


NO_NOISE = Noise(None)


def dense(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """A linear layer. x is (R, I); returns (R, O)."""
    product = tf.matmul(x, weights[f"{name}.weight"], transpose_b=True)
    return tf.nn.bias_add(product, weights[f"{name}.bias"])


def layer_norm(x: tf.Tensor, weights: Weights, name: str) -> tf.Tensor:
    """Normalises the last axis, in float32; returns x's type."""
    normalised = _normalise(tf.cast(x, tf.float32))
    scaled = normalised * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return tf.cast(scaled, x.dtype)


@tf.custom_gradient
def _normalise(x: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
    """(x - mean) / deviation, with the gradient in closed form (fewer passes than autodiff's)."""
    centred = x - tf.reduce_mean(x, -1, keepdims=True)
    variance = tf.reduce_mean(tf.square(centred), -1, keepdims=True)
    inverse = tf.math.rsqrt(variance + LAYER_NORM_EPSILON)
    y = centred * inverse

    def gradient(dy: tf.Tensor) -> tf.Tensor:
        along = tf.reduce_mean(dy * y, -1, keepdims=True)
        return inverse * (dy - tf.reduce_mean(dy, -1, keepdims=True) - y * along)

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


def activate(x: tf.Tensor, name: str) -> tf.Tensor:
    """GELU: "gelu" by the error function, "gelu_new" by tanh (Hugging Face's names)."""
    return tf.nn.gelu(x, approximate=name == "gelu_new")


def gather_masked(hidden: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
    """Picks the hidden vectors at the masked slots.

    Args:
        hidden: (B, L, H) float, last layer of the encoder.
        positions: (B, N) int32, slot numbers below L; unused slots are 0.

    Returns:
        (B * N, H) float. Rows of unused slots hold slot 0 and must be weighted 0.
    """
    picked = tf.gather(hidden, positions, batch_dims=1)
    return tf.reshape(picked, [-1, hidden.shape[-1]])


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
