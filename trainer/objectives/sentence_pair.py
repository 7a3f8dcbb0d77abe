"""Scores of sentence pairs to the loss and accuracy of next-sentence and order prediction."""

import tensorflow as tf

from trainer.objectives.ratio import Ratio, weighted


def pair_loss(logits: tf.Tensor, labels: tf.Tensor) -> Ratio:
    """Cross-entropy in nats. logits is (B, C) float32, labels (B,) int32."""
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    return weighted(losses, tf.ones_like(losses))


def pair_accuracy(logits: tf.Tensor, labels: tf.Tensor) -> Ratio:
    """The share of pairs whose best score is the label; arguments as above."""
    right = tf.cast(tf.argmax(logits, -1, output_type=tf.int32) == labels, tf.float32)
    return weighted(right, tf.ones_like(right))
