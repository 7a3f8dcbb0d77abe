"""Define ELECTRA: a generator that fills masks, and a discriminator that finds what it replaced."""

import dataclasses

import tensorflow as tf

from trainer.models import blocks
from trainer.models.architecture import Architecture, generator_architecture
from trainer.models.bert import name_layers, run_layers
from trainer.models.blocks import HeadNames
from trainer.models.layers import Weights, dense, dense_gelu
from trainer.models.noise import NO_NOISE, Noise
from trainer.models.parameters import ParameterList, dense_parameters

GENERATOR = "generator."  # before the names of `transformers`' ElectraForMaskedLM
EMBEDDINGS = "electra.embeddings"  # of both halves, unless `embedding_sharing` is none
DELTA = "electra.embeddings_delta"  # what a discriminator adds to them if they are disentangled
_PROJECTION = "electra.embeddings_project"
_DISCRIMINATOR_HEAD = "discriminator_predictions"


class Electra:
    """ELECTRA (Clark et al. 2020), whose halves have common embeddings: words, positions, segments.

    Its `embedding_sharing` says how:

    - shared: one set, which both losses change.
    - disentangled (He et al. 2021, DeBERTaV3): the generator's set is E, the discriminator's is
      stop_gradient(E) + D, and D starts at 0. Only the generator's loss changes E, and only the
      discriminator's changes D, so the two do not pull one table in different directions.
    - none: two sets.

    The discriminator's parameters are named as in `transformers`' ElectraForPreTraining, the
    generator's as in its ElectraForMaskedLM with "generator." before them.

    Example:
        >>> from trainer.models.architecture import resolve_architecture
        >>> from trainer.models.parameters import first_values, make_variables
        >>> from trainer.settings.model import ModelSettings
        >>> settings = ModelSettings(type="electra", size="tiny")
        >>> model = Electra(resolve_architecture(settings, vocab_size=100, pad_id=0))
        >>> weights = make_variables(first_values(model.parameters(), deviation=0.02, seed=1))
        >>> masked = tf.constant([[2, 17, 4, 3]])  # [CLS] a [MASK] [SEP]
        >>> inputs = tf.ones_like(masked), tf.zeros_like(masked)
        >>> positions = tf.constant([[2]])
        >>> scores = model.predict_tokens(weights, masked, *inputs, positions=positions)
        >>> scores.shape.as_list()  # B * N, V
        [1, 100]
        >>> filled = tf.constant([[2, 17, 21, 3]])  # with a token drawn from those scores
        >>> hidden = model.encode(weights, filled, *inputs)
        >>> model.score_replaced(weights, hidden).shape.as_list()  # B, L
        [1, 4]
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        self.generator = generator_architecture(architecture)
        is_separate = architecture.embedding_sharing == "none"
        self._generator_embeddings = GENERATOR + EMBEDDINGS if is_separate else EMBEDDINGS
        self._generator_head = HeadNames(
            dense=f"{GENERATOR}generator_predictions.dense",
            norm=f"{GENERATOR}generator_predictions.LayerNorm",
            bias=f"{GENERATOR}generator_lm_head.bias",
            words=f"{self._generator_embeddings}.word_embeddings.weight",
        )
        self._layers = name_layers("electra", architecture.num_layers)
        self._generator_layers = name_layers(f"{GENERATOR}electra", architecture.num_layers)

    def parameters(self) -> ParameterList:
        """List every parameter of both halves; shared embeddings are listed once."""
        a, h = self.architecture, self.architecture.hidden_size
        parameters: ParameterList = {}
        for architecture, names, layers in (
            (a, (EMBEDDINGS, _PROJECTION), self._layers),
            (
                self.generator,
                (self._generator_embeddings, GENERATOR + _PROJECTION),
                self._generator_layers,
            ),
        ):
            parameters |= blocks.embeddings_parameters(*names, architecture)
            for layer in layers:
                parameters |= blocks.layer_parameters(layer, architecture)
        if a.embedding_sharing == "disentangled":
            for name in [name for name in parameters if name.startswith(f"{EMBEDDINGS}.")]:
                delta = dataclasses.replace(parameters[name], start="zeros")
                parameters[name.replace(EMBEDDINGS, DELTA)] = delta
        return {
            **parameters,
            **blocks.head_parameters(self._generator_head, self.generator),
            **dense_parameters(f"{_DISCRIMINATOR_HEAD}.dense", h, h),
            **dense_parameters(f"{_DISCRIMINATOR_HEAD}.dense_prediction", h, 1),
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
        """Compute the discriminator's hidden states; arguments and result as in `Bert.encode`."""
        a, layers = self.architecture, self._layers
        weights = self._with_sums(weights)
        x = blocks.embed(weights, EMBEDDINGS, _PROJECTION, a, input_ids, segment_ids, noise)
        return run_layers(weights, layers, a, x, input_mask, noise, positions)

    def predict_tokens(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise = NO_NOISE,
        positions: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Return the generator's scores of every token at the masked positions, (B * N, V)."""
        a, layers = self.generator, self._generator_layers
        names = self._generator_embeddings, GENERATOR + _PROJECTION
        x = blocks.embed(weights, *names, a, input_ids, segment_ids, noise)
        hidden = run_layers(weights, layers, a, x, input_mask, noise, positions)
        return blocks.score_tokens(weights, self._generator_head, a, hidden)

    def score_replaced(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Score each token of the discriminator's hidden states (B, L, H).

        Returns:
            (B, L) float32, the logit of the token being replaced.
        """
        flat = tf.reshape(hidden, [-1, hidden.shape[-1]])
        head, form = _DISCRIMINATOR_HEAD, self.architecture.activation
        x = dense_gelu(flat, weights, f"{head}.dense", form=form)
        scores = dense(x, weights, f"{head}.dense_prediction")
        return tf.cast(tf.reshape(scores, tf.shape(hidden)[:2]), tf.float32)

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Return one vector per input, (B, H): the hidden state of [CLS], for lack of a pooler."""
        del weights
        return hidden[:, 0]

    def _with_sums(self, weights: Weights) -> Weights:
        """Return the discriminator's weights; disentangled embeddings are summed."""
        if self.architecture.embedding_sharing != "disentangled":
            return weights
        sums = {
            name: tf.stop_gradient(value) + weights[name.replace(EMBEDDINGS, DELTA)]
            for name, value in weights.items()
            if name.startswith(f"{EMBEDDINGS}.")
        }
        return {**weights, **sums}
