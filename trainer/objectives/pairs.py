"""Compute the losses of BERT and ALBERT: masked tokens, and the relation of two segments."""

import math

import tensorflow as tf

from trainer.input.parse_records import Batch
from trainer.models.families import PairModel
from trainer.models.layers import Weights
from trainer.models.noise import NO_NOISE, Noise
from trainer.objectives.masked_lm import masked_lm_measures
from trainer.objectives.objective import Outcome, Ratio, weighted
from trainer.row_draws import RowDraws

# Names for the share of label 1, for the pairs with two labels.
SHARES = {"next_sentence": "random_next_share", "sentence_order": "swapped_share"}


class PairObjective:
    """Masked-token loss + sentence-pair loss, unweighted (Devlin et al. 2019, A.2).

    Args:
        model: BERT or ALBERT.
        pair: meaning of the pair's label: "next_sentence" (1 = random), "sentence_order"
            (1 = swapped), "sequence_relation" (any number of classes), or None where the
            instances have no pairs.
    """

    def __init__(self, model: PairModel, pair: str | None) -> None:
        self.model = model
        self.pair = pair
        tasks = ["masked_lm", *([pair] if pair else [])]
        self.loss_weights = {f"{task}_loss": 1.0 for task in tasks}
        self.measures = tuple(f"{task}_accuracy" for task in tasks)

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """Compute the losses and measures of a batch, as in `Objective`."""
        model, pair = self.model, self.pair
        inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
        positions = tf.pad(batch["masked_lm_positions"], [[0, 0], [1, 0]])  # and [CLS], at 0
        hidden = model.encode(weights, *inputs, noise, positions)
        slots = batch["masked_lm_ids"], batch["masked_lm_weights"]
        token_scores = model.score_tokens(weights, hidden[:, 1:])
        loss, accuracy, by_row = masked_lm_measures(token_scores, *slots)
        losses, measures = {"masked_lm_loss": loss}, {"masked_lm_accuracy": accuracy}
        if pair:
            labels = batch[f"{pair}_labels"]
            scores = model.score_pairs(weights, hidden)
            losses[f"{pair}_loss"] = weighted(pair_losses(scores, labels), tf.ones_like(labels))
            measures[f"{pair}_accuracy"] = pair_accuracy(scores, labels)
        return Outcome(losses, measures, {}, {"masked_lm_loss": by_row})

    def evaluate(self, weights: Weights, batch: Batch, rows: RowDraws) -> Outcome:
        """Compute the same without dropout, and the shares of the labels; nothing is drawn."""
        del rows
        outcome = self(weights, batch, NO_NOISE)
        if self.pair:
            labels = batch[f"{self.pair}_labels"]
            for label, name in self._label_shares().items():
                outcome.measures[name] = weighted(labels == label, tf.ones_like(labels))
        return outcome

    def _label_shares(self) -> dict[int, str]:
        """Return the labels whose share is measured, and its name; of two labels one is enough."""
        if self.pair in SHARES:
            return {1: SHARES[self.pair]}
        classes = self.model.architecture.sequence_classes
        return {label: f"{self.pair}_share_{label}" for label in range(classes)}

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Return the number of masked tokens, and of pairs."""
        denominators = {"masked_lm_loss": tf.reduce_sum(batch["masked_lm_weights"])}
        if self.pair:
            labels = batch[f"{self.pair}_labels"]
            denominators[f"{self.pair}_loss"] = tf.cast(tf.size(labels), tf.float32)
        return denominators

    def expected_first_loss(self) -> float:
        """Return the loss if every token, and every label, is equally likely; in nats."""
        a = self.model.architecture
        return math.log(a.vocab_size) + (math.log(a.sequence_classes) if self.pair else 0.0)


def pair_losses(scores: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Return the cross-entropy of scores (B, C) float32 and labels (B,) int32 in nats: (B,)."""
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores)


def pair_accuracy(scores: tf.Tensor, labels: tf.Tensor) -> Ratio:
    """Return the fraction of pairs whose best score is the label; arguments as above."""
    is_right = tf.argmax(scores, -1, output_type=tf.int32) == labels
    return weighted(is_right, tf.ones_like(labels))
