"""Weights to a SavedModel with signatures for raw text, ids, masked slots and losses."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from trainer.models.bert import Bert
from trainer.models.layers import Dropout
from trainer.models.parameters import make_variables
from trainer.text_to_ids import TextToIds
from trainer.vocabulary import Vocabulary

Outputs = dict[str, tf.Tensor]
_IDS = tf.TensorSpec([None, None], tf.int32)
_NO_DROPOUT = Dropout(None)


def save_serving_model(
    folder: str,
    model: Bert,
    values: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    *,
    next_sentence: bool,
) -> None:
    """Writes a SavedModel with the signatures of `ServingModel`.

    A program that loads it has to import `tensorflow_text` first: `encode` uses its ops.
    """
    module = ServingModel(model, values, vocabulary, next_sentence=next_sentence)
    signatures = {
        "encode": module.encode,
        "encode_ids": module.encode_ids,
        "fill_mask": module.fill_mask,
        "evaluation_loss": module.evaluation_loss,
        "serving_default": module.encode,
    }
    tf.saved_model.save(module, folder, signatures=signatures)


class ServingModel(tf.Module):
    """The model as functions of what a client has."""

    def __init__(
        self,
        model: Bert,
        values: Mapping[str, np.ndarray],
        vocabulary: Vocabulary,
        *,
        next_sentence: bool,
    ) -> None:
        super().__init__()
        self._model = model
        self._weights = make_variables(values)
        self._next_sentence = next_sentence
        self._text_to_ids = TextToIds(vocabulary, model.architecture.max_position)

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def encode(self, text: tf.Tensor) -> Outputs:
        """Raw text (B,) to vectors; text that is too long is cut.

        Returns:
            `pooled_output` (B, H), `sequence_output` (B, L, H), and the `input_ids` and
            `input_mask` (B, L) that say which token each vector is of.
        """
        input_ids, input_mask, segment_ids = self._text_to_ids.inputs(text)
        outputs = self._vectors(input_ids, input_mask, segment_ids)
        return {**outputs, "input_ids": input_ids, "input_mask": input_mask}

    @tf.function(input_signature=[_IDS, _IDS, _IDS])
    def encode_ids(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> Outputs:
        """Ids to `pooled_output` (B, H) and `sequence_output` (B, L, H)."""
        return self._vectors(input_ids, input_mask, segment_ids)

    @tf.function(input_signature=[_IDS, _IDS, _IDS, _IDS])
    def fill_mask(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        masked_lm_positions: tf.Tensor,
    ) -> Outputs:
        """`scores` (B, N, V) of every token at the slots (B, N); a softmax makes them shares."""
        hidden = self._hidden(input_ids, input_mask, segment_ids)
        logits = self._model.token_logits(self._tensors(), hidden, masked_lm_positions)
        shape = tf.concat([tf.shape(masked_lm_positions), [-1]], 0)
        return {"scores": tf.reshape(logits, shape)}

    @tf.function(
        input_signature=[
            _IDS,
            _IDS,
            _IDS,
            _IDS,
            _IDS,
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([None], tf.int32),
        ]
    )
    def evaluation_loss(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        masked_lm_positions: tf.Tensor,
        masked_lm_ids: tf.Tensor,
        masked_lm_weights: tf.Tensor,
        next_sentence_labels: tf.Tensor,
    ) -> Outputs:
        """Losses of instances with BERT's seven features, in nats.

        Returns:
            `masked_lm_loss` (B,), the sum over an instance's masked tokens; `masked_tokens` (B,),
            their number, so that sums over instances can be divided; `next_sentence_loss` (B,),
            0 in a model that was not trained on pairs.
        """
        hidden = self._hidden(input_ids, input_mask, segment_ids)
        weights = self._tensors()
        logits = self._model.token_logits(weights, hidden, masked_lm_positions)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            tf.reshape(masked_lm_ids, [-1]), logits
        )
        losses = tf.reshape(losses, tf.shape(masked_lm_ids)) * masked_lm_weights
        pair_losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            next_sentence_labels,
            self._model.pair_logits(weights, self._model.pool(weights, hidden)),
        )
        return {
            "masked_lm_loss": tf.reduce_sum(losses, -1),
            "masked_tokens": tf.reduce_sum(masked_lm_weights, -1),
            "next_sentence_loss": pair_losses * float(self._next_sentence),
        }

    def _vectors(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> Outputs:
        hidden = self._hidden(input_ids, input_mask, segment_ids)
        pooled = self._model.pool(self._tensors(), hidden)
        return {"pooled_output": pooled, "sequence_output": hidden}

    def _hidden(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> tf.Tensor:
        return self._model.encode(self._tensors(), input_ids, input_mask, segment_ids, _NO_DROPOUT)

    def _tensors(self) -> dict[str, tf.Tensor]:
        return {name: tf.convert_to_tensor(v) for name, v in self._weights.items()}
