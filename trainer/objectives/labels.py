"""Compute the loss of a labeled task: one label per text, or one per word."""

import tensorflow as tf

from trainer.input.parse_records import Batch
from trainer.models.architecture import Architecture
from trainer.models.families import Model
from trainer.models.layers import Weights, dense, drop
from trainer.models.noise import NO_NOISE, Noise
from trainer.models.parameters import ParameterList, dense_parameters
from trainer.objectives.objective import Outcome, weighted

HEAD = "classifier"  # as in `transformers`' models for sequences and tokens


class LabelModel:
    """An encoder with a linear layer on top, and without its pre-training heads.

    A text's vector is `pool` of the encoder: the tanh layer on [CLS] of BERT and ALBERT, and [CLS]
    itself of ELECTRA, as in their papers. A word's vector is the hidden state of its first piece.

    Args:
        encoder: the pre-trained model.
        classes: number of labels, C.
        per_word: whether each word has a label.
    """

    def __init__(self, encoder: Model, classes: int, *, per_word: bool) -> None:
        self.encoder = encoder
        self.classes = classes
        self.per_word = per_word

    @property
    def architecture(self) -> Architecture:
        """Return the encoder's architecture."""
        return self.encoder.architecture

    def parameters(self) -> ParameterList:
        """List the parameters that the scores depend on."""
        a = self.architecture
        encoder = {
            name: parameter
            for name, parameter in self.encoder.parameters().items()
            if name.startswith(f"{a.type}.") and not (self.per_word and ".pooler" in name)
        }
        return {**encoder, **dense_parameters(HEAD, a.hidden_size, self.classes)}

    def score(self, weights: Weights, batch: Batch, noise: Noise = NO_NOISE) -> tf.Tensor:
        """Score the labels at each position of `task_labels`: (B, L, C) float32.

        Of a text, only [CLS] is scored: (B, 1, C).
        """
        inputs = batch["input_ids"], batch["input_mask"], batch["segment_ids"]
        positions = None if self.per_word else tf.zeros_like(batch["input_ids"][:, :1])
        hidden = self.encoder.encode(weights, *inputs, noise, positions)
        if not self.per_word:
            hidden = self.encoder.pool(weights, hidden)[:, None]
        seed, rate = noise.next_dropout(self.architecture.hidden_dropout)
        shape = hidden.shape
        rows = drop(tf.reshape(hidden, [-1, shape[-1]]), seed, rate=rate)
        scores = dense(rows, weights, HEAD)
        return tf.cast(tf.reshape(scores, [-1, shape[1], self.classes]), tf.float32)


class LabelObjective:
    """The mean cross-entropy of the labels, in nats."""

    def __init__(self, model: LabelModel) -> None:
        self.model = model
        self.loss_weights = {"label_loss": 1.0}
        self.measures: tuple[str, ...] = ("label_accuracy",)

    def __call__(self, weights: Weights, batch: Batch, noise: Noise) -> Outcome:
        """Compute the loss and the accuracy of a batch, as in `LossFunction`."""
        scores = self.model.score(weights, batch, noise)
        labels, is_labeled = self._labels(batch)
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores)
        is_right = tf.argmax(scores, -1, output_type=tf.int32) == labels
        return Outcome(
            {"label_loss": weighted(losses, is_labeled)},
            {"label_accuracy": weighted(is_right, is_labeled)},
            {},
            {},
        )

    def loss_denominators(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Return the number of labels."""
        return {"label_loss": tf.reduce_sum(self._labels(batch)[1])}

    def _labels(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Return labels and their weights, of the shape of the scores without C."""
        labels = batch["task_labels"]
        labels = labels if self.model.per_word else labels[:, :1]
        is_labeled = tf.cast(labels >= 0, tf.float32)
        return tf.maximum(labels, 0), is_labeled
