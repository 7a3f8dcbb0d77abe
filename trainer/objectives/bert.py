"""A batch to BERT's losses: masked tokens, and whether B follows A."""

import math
from collections.abc import Mapping

import tensorflow as tf

from trainer.models.bert import Bert
from trainer.models.layers import Dropout, Weights
from trainer.objectives.masked_lm import masked_lm_accuracy, masked_lm_loss
from trainer.objectives.ratio import Outcome
from trainer.objectives.sentence_pair import pair_accuracy, pair_loss

Batch = Mapping[str, tf.Tensor]


class BertObjective:
    """Masked-token loss + next-sentence loss, unweighted (Devlin et al. 2019, A.2)."""

    def __init__(self, model: Bert, *, next_sentence: bool) -> None:
        self.model = model
        self._next_sentence = next_sentence
        pair = ("next_sentence_loss",) if next_sentence else ()
        self.losses = ("masked_lm_loss", *pair)
        self.measures = tuple(name.replace("_loss", "_accuracy") for name in self.losses)

    def __call__(self, weights: Weights, batch: Batch, dropout: Dropout) -> Outcome:
        """Losses and measures of a batch.

        Args:
            weights: the model's, by name.
            batch: `input_ids`, `input_mask`, `segment_ids` (B, L) int32; `masked_lm_positions`,
                `masked_lm_ids` (B, N) int32; `masked_lm_weights` (B, N) float32;
                `next_sentence_labels` (B,) int32 where the instances have pairs.
            dropout: switched off outside training.
        """
        model = self.model
        hidden = model.encode(
            weights, batch["input_ids"], batch["input_mask"], batch["segment_ids"], dropout
        )
        slots = batch["masked_lm_ids"], batch["masked_lm_weights"]
        scores = model.token_logits(weights, hidden, batch["masked_lm_positions"])
        losses = {"masked_lm_loss": masked_lm_loss(scores, *slots)}
        measures = {"masked_lm_accuracy": masked_lm_accuracy(scores, *slots)}
        if self._next_sentence:
            labels = batch["next_sentence_labels"]
            pair_scores = model.pair_logits(weights, model.pool(weights, hidden))
            losses["next_sentence_loss"] = pair_loss(pair_scores, labels)
            measures["next_sentence_accuracy"] = pair_accuracy(pair_scores, labels)
        return Outcome(losses, measures)

    def expected_first_losses(self) -> dict[str, float]:
        """What an untrained model gets: it holds every token, and both labels, equally likely."""
        first = {"masked_lm_loss": math.log(self.model.architecture.vocab_size)}
        if self._next_sentence:
            first["next_sentence_loss"] = math.log(2)
        return first
