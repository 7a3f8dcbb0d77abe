"""Sums that become means only when every replica and every step is in them."""

from typing import NamedTuple

import tensorflow as tf


class Ratio(NamedTuple):
    """A mean in two parts. Parts of batches or replicas are added before they are divided.

    Dividing on each replica and averaging would weigh a token by how many masked tokens its
    replica happens to hold.
    """

    numerator: tf.Tensor  # () float32, sum of weight * value
    denominator: tf.Tensor  # () float32, sum of weights; no gradient flows through it


class Outcome(NamedTuple):
    """What a batch gives."""

    losses: dict[str, Ratio]  # whose weighted means are added up and minimised
    measures: dict[str, Ratio]  # beside them
    histograms: dict[str, tf.Tensor]  # counts that an evaluation adds up; training does not


def weighted(values: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """The weighted mean's two parts; both tensors have the same shape."""
    weights = tf.cast(weights, tf.float32)
    return Ratio(
        tf.reduce_sum(tf.cast(values, tf.float32) * weights),
        tf.stop_gradient(tf.reduce_sum(weights)),
    )
