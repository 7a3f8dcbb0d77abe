"""Save a SavedModel with signatures for raw text, ids, masked slots and losses."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from core.vocabulary.vocabulary import Vocabulary
from trainer.export.stable_graph import stabilize_graph
from trainer.export.text_to_ids import TextToIds
from trainer.models.families import Model, PairModel
from trainer.models.parameters import make_variables
from trainer.objectives.pairs import pair_losses

Tensors = dict[str, tf.Tensor]
_IDS = tf.TensorSpec([None, None], tf.int32)


def save_serving_model(
    folder: str,
    model: Model,
    values: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    *,
    pair: str | None,
) -> None:
    """Save a SavedModel with the signatures of `ServingModel`.

    A program that loads it has to import `tensorflow_text` first, because `encode` uses its ops.

    Args:
        folder: to write to.
        model: the model.
        values: its weights, by name.
        vocabulary: tokenizes text in `encode`.
        pair: the name of the pair's label without "_labels", for `evaluation_loss`; None: the
            instances have no pairs.
    """
    module = ServingModel(model, values, vocabulary, pair=pair)
    signatures = {
        "encode": module.encode,
        "encode_ids": module.encode_ids,
        "fill_mask": module.fill_mask,
        "evaluation_loss": module.evaluation_loss,
        "serving_default": module.encode,
    }
    tf.saved_model.save(module, folder, signatures=signatures)
    stabilize_graph(folder)


class ServingModel(tf.Module):
    """A model with its tokenizer, as functions that a client can call."""

    def __init__(
        self,
        model: Model,
        values: Mapping[str, np.ndarray],
        vocabulary: Vocabulary,
        *,
        pair: str | None,
    ) -> None:
        super().__init__()
        self._model = model
        self._weights = make_variables(values)
        # ELECTRA does not learn from pairs.
        self._pair_model = model if isinstance(model, PairModel) and pair else None
        self._label = f"{pair}_labels"
        self._text_to_ids = TextToIds(vocabulary, model.architecture.max_position)
        self.evaluation_loss = tf.function(
            self._evaluation_loss, input_signature=[self._evaluation_inputs()]
        )

    @tf.function(input_signature=[tf.TensorSpec([None], tf.string, "text")])
    def encode(self, text: tf.Tensor) -> Tensors:
        """Encode raw text (B,); text that is too long is truncated.

        Returns:
            `pooled_output` (B, H), `sequence_output` (B, L, H), and the `input_ids` and
            `input_mask` (B, L) of the tokens.
        """
        input_ids, input_mask, segment_ids = self._text_to_ids.inputs(text)
        outputs = self._vectors(input_ids, input_mask, segment_ids)
        return {**outputs, "input_ids": input_ids, "input_mask": input_mask}

    @tf.function(input_signature=[_IDS, _IDS, _IDS])
    def encode_ids(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> Tensors:
        """Encode ids: return `pooled_output` (B, H) and `sequence_output` (B, L, H)."""
        return self._vectors(input_ids, input_mask, segment_ids)

    @tf.function(input_signature=[_IDS, _IDS, _IDS, _IDS])
    def fill_mask(
        self,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        masked_lm_positions: tf.Tensor,
    ) -> Tensors:
        """Return the logits of every token at the slots (B, N), as `scores` (B, N, V)."""
        weights = self._tensors()
        inputs = input_ids, input_mask, segment_ids
        logits = self._model.predict_tokens(weights, *inputs, positions=masked_lm_positions)
        shape = tf.concat([tf.shape(masked_lm_positions), [-1]], 0)
        return {"scores": tf.reshape(logits, shape)}

    def _evaluation_loss(self, batch: Tensors) -> Tensors:
        """Return the losses of instances with BERT's features, in nats.

        Returns:
            `masked_lm_loss` (B,), summed over the masked tokens of an instance; `masked_tokens`
            (B,), their number, to average over instances; and the loss of the pair (B,) if the
            model was trained on pairs.
        """
        inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
        slots = batch["masked_lm_weights"]
        scores = self.fill_mask(*inputs, batch["masked_lm_positions"])["scores"]
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(batch["masked_lm_ids"], scores)
        outputs = {
            "masked_lm_loss": tf.reduce_sum(losses * slots, -1),
            "masked_tokens": tf.reduce_sum(slots, -1),
        }
        if self._pair_model:
            weights = self._tensors()
            hidden = self._pair_model.encode(weights, *inputs)
            pair_scores = self._pair_model.score_pairs(weights, hidden)
            name = self._label.replace("_labels", "_loss")
            outputs[name] = pair_losses(pair_scores, batch[self._label])
        return outputs

    def _evaluation_inputs(self) -> dict[str, tf.TensorSpec]:
        ids = ("input_ids", "input_mask", "segment_ids", "masked_lm_positions", "masked_lm_ids")
        inputs = {name: tf.TensorSpec([None, None], tf.int32, name) for name in ids}
        name = "masked_lm_weights"
        inputs[name] = tf.TensorSpec([None, None], tf.float32, name)
        if self._pair_model:
            inputs[self._label] = tf.TensorSpec([None], tf.int32, self._label)
        return inputs

    def _vectors(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> Tensors:
        weights = self._tensors()
        hidden = self._model.encode(weights, input_ids, input_mask, segment_ids)
        return {
            "pooled_output": self._model.pool(weights, hidden),
            "sequence_output": hidden,
        }

    def _tensors(self) -> Tensors:
        return {name: tf.convert_to_tensor(v) for name, v in self._weights.items()}
