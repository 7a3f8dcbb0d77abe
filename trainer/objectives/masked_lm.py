"""Scores at the masked slots to the masked-token loss and accuracy."""

import tensorflow as tf

from trainer.objectives.ratio import Ratio, weighted


def masked_lm_loss(logits: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """Cross-entropy in nats.

    Args:
        logits: (B * N, V) float32.
        ids: (B, N) int32, the tokens that were there.
        weights: (B, N) float32, 0 on unused slots.
    """
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels=tf.reshape(ids, [-1]), logits=logits
    )
    return weighted(losses, tf.reshape(weights, [-1]))


def masked_lm_accuracy(logits: tf.Tensor, ids: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """The share of masked slots whose best score is the right token; arguments as above."""
    right = tf.argmax(logits, -1, output_type=tf.int32) == tf.reshape(ids, [-1])
    return weighted(right, tf.reshape(weights, [-1]))
