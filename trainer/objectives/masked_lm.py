"""Scores at the masked slots to the masked-token loss and accuracy."""

from collections.abc import Callable

import tensorflow as tf

from trainer.models.kernels import fold_columns, kernel
from trainer.objectives.ratio import Ratio, weighted


def masked_lm_measures(
    logits: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor
) -> tuple[Ratio, Ratio]:
    """The mean cross-entropy in nats, and the share of slots whose right token scores best.

    Args:
        logits: (B * N, V) of any floating type.
        ids: (B, N) int32, the tokens that were there.
        weights: (B, N) float32, 0 on unused slots.
    """
    losses, is_best = _cross_entropy(logits, tf.reshape(ids, [-1]))
    slots = tf.reshape(weights, [-1])
    return weighted(losses, slots), weighted(is_best, slots)


def _cross_entropy(logits: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of logits (R, V) and ids (R,): losses (R,) float32, and whether no token scores more (R,).

    TensorFlow's own keeps a float32 copy of all scores and takes three times as long.
    """

    @tf.custom_gradient
    def run(logits: tf.Tensor) -> tuple[tuple[tf.Tensor, tf.Tensor], Callable[..., tf.Tensor]]:
        best, normaliser = _normalisers(logits)
        score = tf.cast(tf.gather(logits, ids, batch_dims=1), tf.float32)

        def gradient(dy: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
            return _score_gradient(logits, ids, normaliser, dy)

        return (normaliser - score, tf.cast(score >= best, tf.float32)), gradient

    losses, is_best = run(logits)
    return losses, tf.stop_gradient(is_best)


@kernel
def _normalisers(logits: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of each row of (R, V): the best score, and the logarithm of the sum of exponentials."""
    best = tf.cast(fold_columns(logits, tf.identity, "max"), tf.float32)
    total = fold_columns(logits, lambda x: tf.exp(tf.cast(x, tf.float32) - best[:, None]), "add")
    return best, best + tf.math.log(total)


@kernel
def _score_gradient(
    logits: tf.Tensor, ids: tf.Tensor, normaliser: tf.Tensor, upstream: tf.Tensor
) -> tf.Tensor:
    shares = tf.exp(tf.cast(logits, tf.float32) - normaliser[:, None])
    is_right = tf.cast(tf.range(logits.shape[-1]) == ids[:, None], tf.float32)
    return tf.cast((shares - is_right) * upstream[:, None], logits.dtype)
