"""BERT and ALBERT: an encoder with a masked-token head and a sentence-pair head."""

from dataclasses import dataclass

import tensorflow as tf

from trainer.models.architecture import Architecture
from trainer.models.encoder import encode, encoder_parameters
from trainer.models.layers import Weights, dense
from trainer.models.masked_lm_head import HeadNames, head_parameters, score_tokens
from trainer.models.names import EncoderNames, albert_names, bert_names
from trainer.models.noise import Noise
from trainer.models.parameters import ParameterList, dense_parameters


@dataclass(frozen=True)
class PairNames:
    """What Hugging Face calls the parts of such a model."""

    encoder: EncoderNames
    head: HeadNames
    pooler: str
    pair: str


class PairModel:
    """Parameters named as in `transformers`' BertForPreTraining or AlbertForPreTraining.

    It holds no weights: each method takes them, so that the same code runs on variables, on
    their bfloat16 copies and on values read from a file.
    """

    def __init__(self, architecture: Architecture) -> None:
        self.architecture = architecture
        make_names = {"bert": _bert, "albert": _albert}[architecture.type]
        self._names = make_names(architecture.num_layers)

    def parameters(self) -> ParameterList:
        """Every parameter; the output layer's weight is the word table."""
        a, names = self.architecture, self._names
        return {
            **encoder_parameters(names.encoder, a),
            **dense_parameters(names.pooler, a.hidden_size, a.hidden_size),
            **head_parameters(names.head, a),
            **dense_parameters(names.pair, a.hidden_size, a.sequence_classes),
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
        """Hidden states (B, L, H), or (B, Q, H) at the positions (B, Q).

        Ids, mask and segments are (B, L) int32.
        """
        return encode(
            weights,
            self._names.encoder,
            self.architecture,
            input_ids,
            input_mask,
            segment_ids,
            noise,
            at,
        )

    def generate(
        self,
        weights: Weights,
        input_ids: tf.Tensor,
        input_mask: tf.Tensor,
        segment_ids: tf.Tensor,
        noise: Noise,
        at: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """The states that `score_tokens` reads: here the encoder's own (ELECTRA's are others)."""
        return self.encode(weights, input_ids, input_mask, segment_ids, noise, at)

    def pool(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """The input's vector (B, H), from [CLS]."""
        return tf.tanh(dense(hidden[:, 0], weights, self._names.pooler))

    def score_tokens(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Scores (B * N, V) of `encode`'s hidden states (B, N, H)."""
        return score_tokens(weights, self._names.head, self.architecture, hidden)

    def score_pairs(self, weights: Weights, hidden: tf.Tensor) -> tf.Tensor:
        """Scores of the pair's C classes: (B, C) float32."""
        return tf.cast(dense(self.pool(weights, hidden), weights, self._names.pair), tf.float32)


def _bert(num_layers: int) -> PairNames:
    transform = "cls.predictions.transform"
    return PairNames(
        encoder=bert_names("bert", num_layers),
        head=HeadNames(
            dense=f"{transform}.dense",
            norm=f"{transform}.LayerNorm",
            bias="cls.predictions.bias",
            words="bert.embeddings.word_embeddings.weight",
        ),
        pooler="bert.pooler.dense",
        pair="cls.seq_relationship",
    )


def _albert(num_layers: int) -> PairNames:
    return PairNames(
        encoder=albert_names(num_layers),
        head=HeadNames(
            dense="predictions.dense",
            norm="predictions.LayerNorm",
            bias="predictions.bias",
            words="albert.embeddings.word_embeddings.weight",
        ),
        pooler="albert.pooler",
        pair="sop_classifier.classifier",
    )
