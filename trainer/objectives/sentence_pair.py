"""Scores of sentence pairs to the loss and accuracy of next-sentence and order prediction."""

import tensorflow as tf

from trainer.objectives.ratio import Ratio, weighted


def pair_losses(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Cross-entropy in nats, (B,). scores is (B, C) float32, labels (B,) int32."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores)


def pair_loss(scores: tf.Tensor, labels: tf.Tensor) -> Ratio:
    """The mean of `pair_losses`."""
    return weighted(pair_losses(scores, labels), tf.ones_like(labels))


def pair_accuracy(scores: tf.Tensor, labels: tf.Tensor) -> Ratio:
    """The share of pairs whose best score is the label; arguments as above."""
    right = tf.argmax(scores, -1, output_type=tf.int32) == labels
    return weighted(right, tf.ones_like(labels))


def label_share(labels: tf.Tensor, label: int) -> Ratio:
    """The share of a label among labels (B,) int32."""
    return weighted(labels == label, tf.ones_like(labels))
