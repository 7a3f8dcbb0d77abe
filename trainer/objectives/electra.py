"""Compute ELECTRA's losses: of the generator and of the discriminator."""

import math

import tensorflow as tf

from trainer.input.parse_records import Batch
from trainer.models.electra import Electra
from trainer.models.layers import Weights
from trainer.models.noise import Noise
from trainer.objectives.masked_lm import masked_lm_measures
from trainer.objectives.objective import Outcome
from trainer.objectives.replaced_tokens import (
    DRAWS,
    fill_masks,
    replaced_histograms,
    replaced_measures,
    replaced_token_loss,
    sample_tokens,
)
from trainer.row_draws import RowDraws


class ElectraObjective:
    """The generator's masked-token loss + weight * the discriminator's loss (Clark et al. 2020).

    In the paper, the temperature of the generator's samples is 1 and the weight is 50.
    """

    def __init__(self, model: Electra, *, temperature: float, discriminator_weight: float) -> None:
        self.model = model
        self._temperature = temperature
        self.loss_weights = {"masked_lm_loss": 1.0, "replaced_token_loss": discriminator_weight}
        self.measures: tuple[str, ...] = (
            "masked_lm_accuracy",
            "replaced_token_accuracy",
            "replaced_token_precision",
            "replaced_token_recall",
        )

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """Compute the losses and measures of a batch, as in `Objective`; ignore pair labels."""
        model = self.model
        mask, segments = batch["input_mask"], batch["segment_ids"]
        positions = batch["masked_lm_positions"]
        slots = batch["masked_lm_ids"], batch["masked_lm_weights"]
        inputs = batch["input_ids"], mask, segments
        token_scores = model.predict_tokens(weights, *inputs, noise, positions)
        sampled = sample_tokens(token_scores, self._temperature, _draws(noise, positions))
        input_ids, is_replaced = fill_masks(batch["input_ids"], positions, *slots, sampled)
        hidden = model.encode(weights, input_ids, mask, segments, noise)
        scores = model.score_replaced(weights, hidden)
        loss, accuracy, by_row = masked_lm_measures(token_scores, *slots)
        return Outcome(
            {
                "masked_lm_loss": loss,
                "replaced_token_loss": replaced_token_loss(scores, is_replaced, mask),
            },
            {"masked_lm_accuracy": accuracy, **replaced_measures(scores, is_replaced, mask)},
            replaced_histograms(scores, is_replaced, mask),
            {"masked_lm_loss": by_row},
        )

    def evaluate(self, weights: Weights, batch: Batch, rows: RowDraws) -> Outcome:
        """Compute the same without dropout; `rows` fixes the generator's samples."""
        return self(weights, batch, Noise(None, rows))

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Return the number of masked tokens, and of real tokens."""
        return {
            "masked_lm_loss": tf.reduce_sum(batch["masked_lm_weights"]),
            "replaced_token_loss": tf.reduce_sum(tf.cast(batch["input_mask"], tf.float32)),
        }

    def expected_first_loss(self) -> float:
        """Return the loss if every token, and replaced or not, is equally likely; in nats."""
        weight = self.loss_weights["replaced_token_loss"]
        return math.log(self.model.architecture.vocab_size) + weight * math.log(2)


def _draws(noise: Noise, positions: tf.Tensor) -> tf.Tensor:
    """Draw (B * N, 2) int32 for the slots (B, N)."""
    if noise.rows is None:
        raise ValueError("ELECTRA samples from its generator, but the noise has no rows.")
    rows, slots = tf.shape(positions)[0], positions.shape[1]
    return tf.reshape(noise.rows.integers(rows, slots * 2, DRAWS), [-1, 2])
