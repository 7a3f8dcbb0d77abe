"""ELECTRA: a small generator that fills masks, and a discriminator that finds what it filled."""

import tensorflow as tf

from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.encoder import encode, encoder_parameters
from trainer.models.layers import Weights, activate, dense, product
from trainer.models.masked_lm_head import HeadNames, head_parameters, score_tokens
from trainer.models.names import bert_names
from trainer.models.noise import Noise
from trainer.models.parameters import ParameterList, dense_parameters

GENERATOR = "generator."  # before the names of `transformers`' ElectraForMaskedLM
_DISCRIMINATOR_HEAD = "discriminator_predictions"


class Electra:
    """Clark et al. 2020. The generator's embeddings are the discriminator's.

    The discriminator's parameters are named as in `transformers`' ElectraForPreTraining, the
    generator's as in its ElectraForMaskedLM with "generator." before them.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.generator = generator_architecture(architecture)
        layers = architecture.num_layers
        self._names = bert_names("electra", layers)
        self._generator_names = bert_names(f"{GENERATOR}electra", layers, embeddings="electra")
        self._head = HeadNames(
            dense=f"{GENERATOR}generator_predictions.dense",
            norm=f"{GENERATOR}generator_predictions.LayerNorm",
            bias=f"{GENERATOR}generator_lm_head.bias",
            words="electra.embeddings.word_embeddings.weight",
        )

    def parameters(self) -> ParameterList:
        """Every parameter of both halves; the embeddings count once."""
        h = self.architecture.hidden_size
        return {
            **encoder_parameters(self._names, self.architecture),
            **encoder_parameters(self._generator_names, self.generator),
            **head_parameters(self._head, self.generator),
            **dense_parameters(f"{_DISCRIMINATOR_HEAD}.dense", h, h),
            **dense_parameters(f"{_DISCRIMINATOR_HEAD}.dense_prediction", h, 1),
        }

    def encode(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise,
        at: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The discriminator's hidden states (B, L, H), or (B, Q, H) at the positions (B, Q).

        Ids, mask and segments are (B, L) int32.
        """
        inputs = input_ids, input_mask, segment_ids
        return encode(weights, self._names, self.architecture, *inputs, noise, at)

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """The input's vector (B, H): [CLS]'s own; ELECTRA has no pooler."""
        del weights
        return hidden[:, 0]

    def generate(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise,
        at: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The generator's hidden states; arguments as for `encode`."""
        inputs = input_ids, input_mask, segment_ids
        return encode(weights, self._generator_names, self.generator, *inputs, noise, at)

    def score_tokens(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Scores (B * N, V) of `generate`'s hidden states (B, N, H)."""
        return score_tokens(weights, self._head, self.generator, hidden)

    def score_replaced(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """(B, L) float32 from `encode`'s hidden states; above 0: more likely replaced than not."""
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        x = product(flat, weights, f"{_DISCRIMINATOR_HEAD}.dense")
        bias = weights[f"{_DISCRIMINATOR_HEAD}.dense.bias"]
        x = activate(x, bias, form=self.architecture.activation)
        scores = dense(x, weights, f"{_DISCRIMINATOR_HEAD}.dense_prediction")
        return tf.cast(tf.reshape(scores, tf.shape(hidden)[:2]), tf.float32)
