"""A batch to BERT's and ALBERT's losses: masked tokens, and how two segments belong together."""

import math
from collections.abc import Mapping

import tensorflow as tf

from trainer.draws import RowDraws
from trainer.models.layers import Weights
from trainer.models.noise import Noise
from trainer.models.pair_model import PairModel
from trainer.objectives.masked_lm import masked_lm_measures
from trainer.objectives.ratio import Outcome
from trainer.objectives.sentence_pair import label_share, pair_accuracy, pair_loss

Batch = Mapping[str, tf.Tensor]
# What the share of label 1 is called, where there are two.
SHARES = {"next_sentence": "random_next_share", "sentence_order": "swapped_share"}


class PairObjective:
    """Masked-token loss + sentence-pair loss, unweighted (Devlin et al. 2019, A.2).

    Args:
        model: BERT or ALBERT.
        pair: what the pair's label is: "next_sentence" (1 = random), "sentence_order"
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
        """Losses and measures of a batch.

        Args:
            weights: the model's, by name.
            batch: `input_ids`, `input_mask`, `segment_ids` (B, L) int32; `masked_lm_positions`,
                `masked_lm_ids` (B, N) int32; `masked_lm_weights` (B, N) float32; the pair's
                `…_labels` (B,) int32.
            noise: `NO_NOISE` outside training.
        """
        model, pair = self.model, self.pair
        inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
        positions = tf.pad(batch["masked_lm_positions"], [[0, 0], [1, 0]])  # and [CLS], at 0
        hidden = model.encode(weights, *inputs, noise, positions)
        slots = batch["masked_lm_ids"], batch["masked_lm_weights"]
        scores = model.score_tokens(weights, hidden[:, 1:])
        loss, accuracy = masked_lm_measures(scores, *slots)
        losses, measures = {"masked_lm_loss": loss}, {"masked_lm_accuracy": accuracy}
        if pair:
            labels = batch[f"{pair}_labels"]
            pair_scores = model.score_pairs(weights, hidden)
            losses[f"{pair}_loss"] = pair_loss(pair_scores, labels)
            measures[f"{pair}_accuracy"] = pair_accuracy(pair_scores, labels)
        return Outcome(losses, measures, {})

    def evaluate(self, weights: Weights, batch: Batch, rows: RowDraws) -> Outcome:
        """As a call, without dropout, and with the labels' shares; nothing is drawn."""
        del rows
        outcome = self(weights, batch, Noise(None))
        if self.pair:
            labels = batch[f"{self.pair}_labels"]
            outcome.measures.update(
                {name: label_share(labels, label) for label, name in self._shares().items()}
            )
        return outcome

    def _shares(self) -> dict[int, str]:
        """Label to what its share is called; of two labels one says all."""
        if self.pair in SHARES:
            return {1: SHARES[self.pair]}
        classes = self.model.architecture.sequence_classes
        return {label: f"{self.pair}_share_{label}" for label in range(classes)}

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """What each loss is divided by: masked tokens; pairs."""
        found = {"masked_lm_loss": tf.reduce_sum(batch["masked_lm_weights"])}
        if self.pair:
            labels = batch[f"{self.pair}_labels"]
            found[f"{self.pair}_loss"] = tf.cast(tf.size(labels), tf.float32)
        return found

    def expected_first_loss(self) -> float:
        """What an untrained model gets: it holds every token, and every label, equally likely."""
        a = self.model.architecture
        return math.log(a.vocab_size) + (math.log(a.sequence_classes) if self.pair else 0.0)
