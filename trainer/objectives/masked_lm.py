"""Scores at the masked slots to the masked-token loss and accuracy."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.kernels import kernel
from trainer.objectives.ratio import Ratio, weighted


def masked_lm_loss(logits: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """Cross-entropy in nats, in float32.

    Args:
        logits: (B * N, V) of any floating type.
        ids: (B, N) int32, the tokens that were there.
        weights: (B, N) float32, 0 on unused slots.
    """
    losses = _cross_entropy(logits, tf.reshape(ids, [-1]))
    return weighted(losses, tf.reshape(weights, [-1]))


def masked_lm_accuracy(logits: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """The share of masked slots whose best score is the right token; arguments as above."""
    right = _is_best(logits, tf.reshape(ids, [-1]))
    return weighted(right, tf.reshape(weights, [-1]))


def _cross_entropy(logits: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """(R,) float32 of logits (R, V) and ids (R,).

    TensorFlow's own keeps a float32 copy of all scores and takes three times as long. Rows are
    added up, and their maxima found, outside kernels: XLA does it number by number.
    """

    @tf.custom_gradient
    def run(logits: tf.Tensor) -> tuple[tf.Tensor, Callable[[tf.Tensor], tf.Tensor]]:
        best = tf.cast(tf.reduce_max(logits, -1), tf.float32)
        normaliser = best + tf.math.log(tf.reduce_sum(_exp(logits, best), -1))
        score = tf.cast(tf.gather(logits, ids, batch_dims=1), tf.float32)
        return normaliser - score, lambda dy: _score_gradient(logits, ids, normaliser, dy)

    return run(logits)


@kernel
def _exp(logits: tf.Tensor, shift: tf.Tensor) -> tf.Tensor:
    return tf.exp(tf.cast(logits, tf.float32) - shift[:, None])


@kernel
def _score_gradient(
    logits: tf.Tensor, ids: tf.Tensor, normaliser: tf.Tensor, upstream: tf.Tensor
) -> tf.Tensor:
    shares = tf.exp(tf.cast(logits, tf.float32) - normaliser[:, None])
    is_right = tf.cast(tf.range(logits.shape[-1]) == ids[:, None], tf.float32)
    return tf.cast((shares - is_right) * upstream[:, None], logits.dtype)


def _is_best(logits: tf.Tensor, ids: tf.Tensor) -> tf.Tensor:
    """Whether no token scores more than the right one."""
    return tf.gather(logits, ids, batch_dims=1) >= tf.reduce_max(logits, -1)
