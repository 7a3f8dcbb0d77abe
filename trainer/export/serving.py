"""Save a SavedModel with signatures for raw text, ids, masked slots and losses.

The text signatures need no tokenizer, because the graph contains it.
"""

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from core.vocabulary.vocabulary import Vocabulary
from trainer.export.stable_graph import stabilize_graph
from trainer.export.text_to_ids import TextToIds
from trainer.models.electra import Electra
from trainer.models.families import Model, PairModel
from trainer.models.kernels.compilation import Compilation, compiled
from trainer.models.parameters import make_variables
from trainer.objectives.pairs import pair_losses

DEFAULT_TOP_K = 5  # tokens per mask, as in `transformers`' fill-mask
Tensors = dict[str, tf.Tensor]
_IDS = tf.TensorSpec([None, None], tf.int32)
_TEXT = tf.TensorSpec([None], tf.string, "text")


def save_serving_model(
    folder: str,
    model: Model,
    values: Mapping[str, np.ndarray],
    vocabulary: Vocabulary,
    *,
    pair: str | None,
) -> None:
    """Save a SavedModel with the signatures of `ServingModel`.

    A program that loads it has to import `tensorflow_text` first, because the tokenizer uses its
    ops.

    Args:
        folder: to write to.
        model: the model.
        values: its weights, by name.
        vocabulary: tokenizes text.
        pair: the name of the pair's label without "_labels", for `evaluation_loss`; None: the
            instances have no pairs.
    """
    module = ServingModel(model, values, vocabulary, pair=pair)
    signatures = {
        "encode": module.encode,
        "encode_ids": module.encode_ids,
        "fill_mask": module.fill_mask,
        "fill_mask_text": module.fill_mask_text,
        "evaluation_loss": module.evaluation_loss,
        "serving_default": module.encode,
    }
    if isinstance(model, Electra):
        signatures["find_replaced"] = module.find_replaced
    # The gradients in closed form would be part of the graph and take half of its time to trace.
    with compiled(Compilation.DEFINITIONS):
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
        self._inputs = tf.function(
            self._text_to_ids.inputs, input_signature=[_TEXT], autograph=False
        )
        self._vocabulary = vocabulary
        # Only a tensor becomes a default of the signature, which TensorFlow Serving then uses.
        default_k = tf.constant(DEFAULT_TOP_K)

        @tf.function(input_signature=[_TEXT, tf.TensorSpec([], tf.int32, "k")], autograph=False)
        def fill_mask_text(text: tf.Tensor, k: tf.Tensor = default_k) -> Tensors:
            return self._fill_mask_text(text, k)

        self.fill_mask_text = fill_mask_text
        if isinstance(model, Electra):
            find = functools.partial(self._find_replaced, model)
            self.find_replaced = tf.function(find, input_signature=[_TEXT], autograph=False)
        self.evaluation_loss = tf.function(
            self._evaluation_loss, input_signature=[self._evaluation_inputs()], autograph=False
        )

    @tf.function(input_signature=[_TEXT], autograph=False)
    def encode(self, text: tf.Tensor) -> Tensors:
        """Encode raw text (B,); text that is too long is truncated.

        Returns:
            `pooled_output` (B, H), `sequence_output` (B, L, H), and the `input_ids` and
            `input_mask` (B, L) of the tokens.
        """
        input_ids, input_mask, segment_ids = self._inputs(text)
        outputs = self.encode_ids(input_ids, input_mask, segment_ids)
        return {**outputs, "input_ids": input_ids, "input_mask": input_mask}

    @tf.function(input_signature=[_IDS, _IDS, _IDS], autograph=False)
    def encode_ids(
        self, input_ids: tf.Tensor, input_mask: tf.Tensor, segment_ids: tf.Tensor
    ) -> Tensors:
        """Encode ids: return `pooled_output` (B, H) and `sequence_output` (B, L, H)."""
        weights = self._tensors()
        hidden = self._model.encode(weights, input_ids, input_mask, segment_ids)
        return {"pooled_output": self._model.pool(weights, hidden), "sequence_output": hidden}

    @tf.function(input_signature=[_IDS, _IDS, _IDS, _IDS], autograph=False)
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

    def _fill_mask_text(self, text: tf.Tensor, k: tf.Tensor) -> Tensors:
        """Predict the tokens at each mask token of raw text (B,); ELECTRA's generator does it.

        A mask beyond the positions of the model is truncated with the text.

        Returns:
            The k best tokens of N masks, the most that a text has: `tokens` string, `token_ids`
            int32 and `scores` float32 (probabilities), each (B, N, K), best first; and `num_masks`
            (B,) int32. Beyond the masks of a text, tokens are empty, ids -1 and scores 0.
        """
        tf.debugging.assert_positive(k, "k, the number of tokens per mask, must be at least 1.")
        input_ids, input_mask, segment_ids = self._inputs(text)
        is_mask = input_ids == self._vocabulary.mask_id
        num_masks = tf.math.count_nonzero(is_mask, -1, dtype=tf.int32)
        columns = tf.where(is_mask)[:, 1]
        positions = tf.RaggedTensor.from_row_lengths(tf.cast(columns, tf.int32), num_masks)
        inputs = input_ids, input_mask, segment_ids
        logits = self.fill_mask(*inputs, positions.to_tensor())["scores"]
        probabilities = tf.nn.softmax(tf.cast(logits, tf.float32))
        scores, ids = tf.math.top_k(probabilities, tf.minimum(k, self._vocabulary.size))
        is_used = tf.sequence_mask(num_masks, tf.shape(ids)[1])[..., None]
        return {
            "tokens": tf.where(is_used, tf.gather(self._vocabulary.tokens, ids), ""),
            "token_ids": tf.where(is_used, ids, -1),
            "scores": tf.where(is_used, scores, 0.0),
            "num_masks": num_masks,
        }

    def _find_replaced(self, model: Electra, text: tf.Tensor) -> Tensors:
        """Score how likely each token of raw text (B,) is to be replaced; only for ELECTRA.

        Returns:
            `tokens` string, empty where there is none; `scores` float32, the probability that
            another token was there, 0 where there is none; and `input_mask`; each (B, L).
        """
        input_ids, input_mask, segment_ids = self._inputs(text)
        weights = self._tensors()
        hidden = model.encode(weights, input_ids, input_mask, segment_ids)
        scores = tf.sigmoid(model.score_replaced(weights, hidden))
        is_real = input_mask > 0
        return {
            "tokens": tf.where(is_real, tf.gather(self._vocabulary.tokens, input_ids), ""),
            "scores": tf.where(is_real, scores, 0.0),
            "input_mask": input_mask,
        }

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

    def _tensors(self) -> Tensors:
        return {name: tf.convert_to_tensor(v) for name, v in self._weights.items()}
