"""Define ALBERT."""

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.blocks import (
    HeadNames,
    LayerNames,
    embed,
    embeddings_parameters,
    head_parameters,
    layer_parameters,
    score_tokens,
    transformer_layer,
)
from trainer.models.layers import Weights, dense
from trainer.models.noise import NO_NOISE, Noise
from trainer.models.parameters import ParameterList, dense_parameters

_EMBEDDINGS = "albert.embeddings"
_PROJECTION = "albert.encoder.embedding_hidden_mapping_in"
_POOLER = "albert.pooler"
_PAIR = "sop_classifier.classifier"
_SHARED = "albert.encoder.albert_layer_groups.0.albert_layers.0"
_LAYER = LayerNames(
    query=f"{_SHARED}.attention.query",
    key=f"{_SHARED}.attention.key",
    value=f"{_SHARED}.attention.value",
    attention_output=f"{_SHARED}.attention.dense",
    attention_norm=f"{_SHARED}.attention.LayerNorm",
    intermediate=f"{_SHARED}.ffn",
    output=f"{_SHARED}.ffn_output",
    output_norm=f"{_SHARED}.full_layer_layer_norm",
)
_HEAD = HeadNames(
    dense="predictions.dense",
    norm="predictions.LayerNorm",
    bias="predictions.bias",
    words=f"{_EMBEDDINGS}.word_embeddings.weight",
)


class Albert:
    """ALBERT (Lan et al. 2020), named as in `transformers`' AlbertForPreTraining.

    It differs from BERT in two ways: all layers share one set of weights, and the embeddings are
    narrower than the hidden states.

    Example:
        >>> from trainer.models.architecture import resolve_architecture
        >>> from trainer.models.parameters import count_parameters, first_values, make_variables
        >>> from trainer.settings.model import ModelSettings
        >>> settings = ModelSettings(type="albert", size="tiny")
        >>> model = Albert(resolve_architecture(settings, vocab_size=100, pad_id=0))
        >>> deeper = ModelSettings(type="albert", size="tiny", num_layers=6)
        >>> deeper = Albert(resolve_architecture(deeper, vocab_size=100, pad_id=0))
        >>> count_parameters(model.parameters()) == count_parameters(deeper.parameters())
        True
        >>> weights = make_variables(first_values(model.parameters(), deviation=0.02, seed=1))
        >>> ids = tf.constant([[2, 17, 4, 3, 21, 3]])
        >>> deeper.encode(weights, ids, tf.ones_like(ids), tf.zeros_like(ids)).shape.as_list()
        [1, 6, 128]
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture

    def parameters(self) -> ParameterList:
        """List every parameter, in the order of the forward pass."""
        a = self.architecture
        return {
            **embeddings_parameters(_EMBEDDINGS, _PROJECTION, a),
            **layer_parameters(_LAYER, a),
            **dense_parameters(_POOLER, a.hidden_size, a.hidden_size),
            **head_parameters(_HEAD, a),
            **dense_parameters(_PAIR, a.hidden_size, a.sequence_classes),
        }

    def encode(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise = NO_NOISE,
        positions: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Compute the hidden states of the last layer; arguments and result as in `Bert.encode`."""
        a = self.architecture
        x = embed(weights, _EMBEDDINGS, _PROJECTION, a, input_ids, segment_ids, noise)
        for _ in range(a.num_layers - 1):
            x = transformer_layer(weights, _LAYER, a, x, x, input_mask, noise)
        queries = x if positions is None else tf.gather(x, positions, batch_dims=1)
        return transformer_layer(weights, _LAYER, a, queries, x, input_mask, noise)

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Return one vector per input, (B, H), from the hidden state of [CLS]."""
        return tf.tanh(dense(hidden[:, 0], weights, _POOLER))

    def score_tokens(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Score every token of the vocabulary: hidden states (B, N, H) to (B * N, V)."""
        return score_tokens(weights, _HEAD, self.architecture, hidden)

    def score_pairs(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Score the C classes of the sentence pair: hidden states (B, L, H) to (B, C) float32."""
        return tf.cast(dense(self.pool(weights, hidden), weights, _PAIR), tf.float32)

    def predict_tokens(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise = NO_NOISE,
        positions: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Score every token at the masked positions, (B * N, V); arguments as for `encode`."""
        hidden = self.encode(weights, input_ids, input_mask, segment_ids, noise, positions)
        return self.score_tokens(weights, hidden)
