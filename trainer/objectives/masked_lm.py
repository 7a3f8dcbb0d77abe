"""Compute the masked-token loss and accuracy."""

import tensorflow as tf

from trainer.models.kernels import cross_entropy as fast
from trainer.models.kernels.compilation import computed_by
from trainer.objectives.objective import Ratio, weighted, weighted_by_row


def masked_lm_measures(
    scores: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor
) -> tuple[Ratio, Ratio, Ratio]:
    """Measure the prediction of masked tokens.

    Args:
        scores: (B * N, V) of any floating type.
        ids: (B, N) int32, the original tokens.
        weights: (B, N) float32, 0 on unused slots.

    Returns:
        The mean cross-entropy in nats, the fraction of slots whose token scores best, and the
        cross-entropy of each row.
    """
    losses, is_best = cross_entropy(scores, tf.reshape(ids, [-1]))
    slots = tf.reshape(weights, [-1])
    return weighted(losses, slots), weighted(is_best, slots), weighted_by_row(losses, weights)


@computed_by(fast.cross_entropy)
def cross_entropy(scores: tf.Tensor, ids: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return each row's cross-entropy, and whether its token scores best.

    Args:
        scores: (R, V).
        ids: (R,) int32.

    Returns:
        Losses (R,) float32 in nats; and (R,) float32, 1 where no token scores more than the given
        one, through which no gradient flows.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=ids, logits=scores)
    score = tf.gather(scores, ids, batch_dims=1)
    is_best = tf.cast(score >= tf.reduce_max(scores, -1), tf.float32)
    return losses, tf.stop_gradient(is_best)
