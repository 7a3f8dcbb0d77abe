"""Define what an objective is: losses and measures of a batch, as sums with their denominators."""

from typing import NamedTuple, Protocol

import tensorflow as tf

from trainer.input.parse_records import Batch
from trainer.models.families import Model
from trainer.models.layers import Weights
from trainer.models.noise import Noise
from trainer.row_draws import RowDraws


class Ratio(NamedTuple):
    """A mean as numerator and denominator, which are summed over batches and replicas first.

    Dividing on each replica and averaging would weight a token by the number of masked tokens that
    its replica happens to hold.
    """

    numerator: tf.Tensor  # () float32, sum of weight * value
    denominator: tf.Tensor  # () float32, sum of weights; no gradient flows through it


class Outcome(NamedTuple):
    """The losses and measures of a batch."""

    losses: dict[str, Ratio]  # the weighted sum of their means is minimized
    measures: dict[str, Ratio]  # reported only
    histograms: dict[str, tf.Tensor]  # counts that an evaluation adds up; training ignores them
    by_row: dict[str, Ratio]  # losses of each instance, two (B,) each, which training ignores, too


class LossFunction(Protocol):
    """What a training step minimizes and measures."""

    loss_weights: dict[str, float]  # weight of each loss in the sum that is minimized
    measures: tuple[str, ...]

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """Compute the losses and measures of a batch.

        Args:
            weights: the model's, by name, in the type of the computation.
            batch: `input_ids`, `input_mask`, `segment_ids` (B, L) int32; `masked_lm_positions`,
                `masked_lm_ids` (B, N) int32; `masked_lm_weights` (B, N) float32; the pair's
                `…_labels` (B,) int32.
            noise: for dropout; its `rows` are for sampling from ELECTRA's generator.
        """

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Return the denominator of each loss, known before the forward pass."""


class Objective(LossFunction, Protocol):
    """What a model learns from a batch in pre-training."""

    @property
    def model(self) -> Model:
        """Return the model that learns."""

    def evaluate(self, weights: Weights, batch: Batch, rows: RowDraws) -> Outcome:
        """Compute the same without dropout; `rows` fixes the generator's samples."""

    def expected_first_loss(self) -> float:
        """Return the loss in nats of a model to which every answer is equally likely."""


def weighted_by_row(values: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """Return the weighted mean of each row as a ratio of two (B,).

    Args:
        values: one for each of the weights, of any shape.
        weights: (B, N).
    """
    weights = tf.cast(weights, tf.float32)
    products = tf.reshape(tf.cast(values, tf.float32), tf.shape(weights)) * weights
    return Ratio(tf.reduce_sum(products, -1), tf.reduce_sum(weights, -1))


def weighted(values: tf.Tensor, weights: tf.Tensor) -> Ratio:
    """Return a weighted mean as a ratio; both tensors have the same shape."""
    weights = tf.cast(weights, tf.float32)
    return Ratio(
        tf.reduce_sum(tf.cast(values, tf.float32) * weights),
        tf.stop_gradient(tf.reduce_sum(weights)),
    )
