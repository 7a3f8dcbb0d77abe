"""BERT: the encoder with a masked-token head and a sentence-pair head."""

import tensorflow as tf

from trainer.architecture import Architecture
from trainer.models.encoder import bert_names, encode, encoder_parameters
from trainer.models.layers import Dropout, Weights, dense, gather_masked, layer_norm
from trainer.models.parameters import (
    Parameter,
    ParameterList,
    dense_parameters,
    layer_norm_parameters,
)

_TRANSFORM = "cls.predictions.transform"
_WORDS = "bert.embeddings.word_embeddings.weight"  # tied: also the output layer's weight


class Bert:
    """Devlin et al. 2019, parameters named as in `transformers`' BertForPreTraining.

    It holds no weights: each method takes them, so that the same code runs on variables, on
    their bfloat16 copies and on values read from a file.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self._names = bert_names("bert", architecture.num_layers)

    def parameters(self) -> ParameterList:
        """Every parameter; the output layer's weight is the word table."""
        a = self.architecture
        h = a.hidden_size
        return {
            **encoder_parameters(self._names, a),
            **dense_parameters("bert.pooler.dense", h, h),
            **dense_parameters(f"{_TRANSFORM}.dense", h, h),
            **layer_norm_parameters(f"{_TRANSFORM}.LayerNorm", h),
            "cls.predictions.bias": Parameter((a.vocab_size,), "zeros"),
            **dense_parameters("cls.seq_relationship", h, 2),
        }

    def encode(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        dropout: Dropout,
    ) -> tf.Tensor:
        """Hidden states (B, L, H) of ids, mask and segments, each (B, L) int32."""
        return encode(
            weights, self._names, self.architecture, input_ids, input_mask, segment_ids, dropout
        )

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """The pair's vector (B, H), from [CLS]."""
        return tf.tanh(dense(hidden[:, 0], weights, "bert.pooler.dense"))

    def token_logits(self, weights: Weights, hidden: tf.Tensor, positions: tf.Tensor) -> tf.Tensor:
        """Scores of every token at the masked slots: (B * N, V) float32.

        Args:
            weights: by name.
            hidden: (B, L, H).
            positions: (B, N) int32. Only these are scored: all L would cost L / N times as much.
        """
        x = dense(gather_masked(hidden, positions), weights, f"{_TRANSFORM}.dense")
        x = layer_norm(tf.nn.gelu(x), weights, f"{_TRANSFORM}.LayerNorm")
        logits = tf.matmul(x, weights[_WORDS], transpose_b=True)
        return tf.cast(tf.nn.bias_add(logits, weights["cls.predictions.bias"]), tf.float32)

    def pair_logits(self, weights: Weights, pooled: tf.Tensor) -> tf.Tensor:
        """Scores of the pair's classes: (B, 2) float32, 0 = next, 1 = random."""
        return tf.cast(dense(pooled, weights, "cls.seq_relationship"), tf.float32)
