"""Define BERT.

Shapes: B inputs of L positions, H hidden units, N masked positions per input, Q positions to
compute, V tokens in the vocabulary, C classes of a sentence pair.
"""

from collections.abc import Sequence

import tensorflow as tf

from trainer.models import blocks
from trainer.models.architecture import Architecture
from trainer.models.blocks import HeadNames, LayerNames
from trainer.models.kernels.recompute import Layer, run_layer
from trainer.models.layers import Weights, dense
from trainer.models.noise import NO_NOISE, Noise
from trainer.models.parameters import ParameterList, dense_parameters


class Bert:
    """BERT (Devlin et al. 2019), named as in `transformers`' BertForPreTraining.

    The model holds no weights: each method takes them, so that the same code runs on variables, on
    their bfloat16 copies and on values read from a file.

    Example:
        >>> from trainer.models.architecture import resolve_architecture
        >>> from trainer.models.parameters import first_values, make_variables
        >>> from trainer.settings.model import ModelSettings
        >>> architecture = resolve_architecture(ModelSettings(), vocab_size=100, pad_id=0)
        >>> model = Bert(architecture)
        >>> weights = make_variables(first_values(model.parameters(), deviation=0.02, seed=1))
        >>> input_ids = tf.constant([[2, 17, 4, 3, 21, 3]])  # [CLS] a [MASK] [SEP] b [SEP]
        >>> segment_ids = tf.constant([[0, 0, 0, 0, 1, 1]])
        >>> hidden = model.encode(weights, input_ids, tf.ones_like(input_ids), segment_ids)
        >>> hidden.shape.as_list()  # B, L, H
        [1, 6, 128]
        >>> model.score_tokens(weights, hidden[:, 2:3]).shape.as_list()  # B * N, V
        [1, 100]
        >>> model.score_pairs(weights, hidden).shape.as_list()
        [1, 2]
    """

    EMBEDDINGS = "bert.embeddings"
    PROJECTION = "bert.embeddings_project"  # only if embeddings are narrower than H
    POOLER = "bert.pooler.dense"
    PAIR = "cls.seq_relationship"
    HEAD = HeadNames(
        dense="cls.predictions.transform.dense",
        norm="cls.predictions.transform.LayerNorm",
        bias="cls.predictions.bias",
        words="bert.embeddings.word_embeddings.weight",
    )

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._layers = self.name_layers()

    def name_layers(self) -> list[LayerNames]:
        """Name the weights of each layer."""
        return name_layers("bert", self.architecture.num_layers)

    def parameters(self) -> ParameterList:
        """List every parameter, in the order of the forward pass."""
        a = self.architecture
        parameters = blocks.embeddings_parameters(self.EMBEDDINGS, self.PROJECTION, a)
        for layer in self._layers:
            parameters |= blocks.layer_parameters(layer, a)
        return {
            **parameters,
            **dense_parameters(self.POOLER, a.hidden_size, a.hidden_size),
            **blocks.head_parameters(self.HEAD, a),
            **dense_parameters(self.PAIR, a.hidden_size, a.sequence_classes),
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
        """Compute the hidden states of the last layer.

        Args:
            weights: by name, in the type of the computation.
            input_ids: (B, L) int32.
            input_mask: (B, L) int32, 1 on real tokens.
            segment_ids: (B, L) int32.
            noise: for dropout; by default there is none.
            positions: (B, Q) int32, the positions to return; None: all.

        Returns:
            (B, L, H), or (B, Q, H) at the positions.
        """
        a = self.architecture
        x = blocks.embed(
            weights, self.EMBEDDINGS, self.PROJECTION, a, input_ids, segment_ids, noise
        )
        return run_layers(weights, self._layers, a, x, input_mask, noise, positions)

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Return one vector per input, (B, H), from the hidden state of [CLS]."""
        return tf.tanh(dense(hidden[:, 0], weights, self.POOLER))

    def score_tokens(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Score every token of the vocabulary: hidden states (B, N, H) to (B * N, V)."""
        return blocks.score_tokens(weights, self.HEAD, self.architecture, hidden)

    def score_pairs(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Score the C classes of the sentence pair: hidden states (B, L, H) to (B, C) float32."""
        return tf.cast(dense(self.pool(weights, hidden), weights, self.PAIR), tf.float32)

    def predict_tokens(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        *,
        positions: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Score every token at the masked positions, (B * N, V); arguments as for `encode`."""
        hidden = self.encode(weights, input_ids, input_mask, segment_ids, positions=positions)
        return self.score_tokens(weights, hidden)


def run_layers(
    weights: Weights,
    layers: Sequence[LayerNames],
    a: Architecture,
    x: tf.Tensor,
    input_mask: tf.Tensor,
    noise: Noise,
    positions: tf.Tensor | None,
) -> tf.Tensor:
    """Run transformer layers on embeddings.

    Args:
        weights: by name, in the type of the computation.
        layers: names of each layer's weights.
        a: sizes of the model.
        x: (B, L, H) embeddings.
        input_mask: (B, L) int32, 1 on real tokens.
        noise: for dropout.
        positions: (B, Q) int32, the positions to return; None: all.

    Returns:
        (B, L, H), or (B, Q, H) at the positions.
    """
    for layer in layers[:-1]:
        compute = _full_layer(layer, a, input_mask, noise)
        x = run_layer(compute, {name: weights[name] for name in layer.weights()}, x)
    # Computing only Q of L positions saves most of this layer.
    queries = x if positions is None else tf.gather(x, positions, batch_dims=1)
    return blocks.transformer_layer(weights, layers[-1], a, queries, x, input_mask, noise)


def _full_layer(names: LayerNames, a: Architecture, input_mask: tf.Tensor, noise: Noise) -> Layer:
    """Return the layer as a function of weights and x, which computes the same each time."""
    repeat = noise.reserve(blocks.DROPOUTS_PER_LAYER)

    def compute(weights: Weights, x: tf.Tensor) -> tf.Tensor:
        return blocks.transformer_layer(weights, names, a, x, x, input_mask, repeat())

    return compute


def name_layers(prefix: str, num_layers: int) -> list[LayerNames]:
    """Name the weights of each layer, as BERT and ELECTRA do."""
    return [
        LayerNames(
            query=f"{layer}.attention.self.query",
            key=f"{layer}.attention.self.key",
            value=f"{layer}.attention.self.value",
            attention_output=f"{layer}.attention.output.dense",
            attention_norm=f"{layer}.attention.output.LayerNorm",
            intermediate=f"{layer}.intermediate.dense",
            output=f"{layer}.output.dense",
            output_norm=f"{layer}.output.LayerNorm",
        )
        for layer in (f"{prefix}.encoder.layer.{number}" for number in range(num_layers))
    ]
