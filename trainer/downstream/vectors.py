"""Compute the frozen vectors of texts and words: what an encoder knows before fine-tuning."""

import functools
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from core.errors import InputError
from trainer.downstream.examples import Encoded
from trainer.downstream.fine_tuning import fixed_batches
from trainer.downstream.probe import predict_from_vectors
from trainer.huggingface.weights import Values
from trainer.input.parse_records import Batch
from trainer.models.architecture import Architecture
from trainer.models.families import build_model

Encode = Callable[[Batch], tf.Tensor]  # the hidden states of the last layer, (B, L, H)


def predict_by_probe(encode: Encode, train: Encoded, evaluated: Encoded, kind: str) -> np.ndarray:
    """Predict labels (S,) by logistic regression on the vectors of `compute_vectors`."""
    vectors, others = (compute_vectors(encode, split, kind) for split in (train, evaluated))
    return predict_from_vectors(vectors, train.labels, others)


def compute_vectors(encode: Encode, examples: Encoded, kind: str) -> np.ndarray:
    """Compute a vector per text or per scored word, from the last layer.

    Args:
        encode: the encoder.
        examples: N encoded examples.
        kind: classify: the mean over all real tokens. pair: the means u and v of the two segments
            as u, v, |u - v|, u * v. tag: the hidden state of a word's first piece.

    Returns:
        (N, H), (N, 4 H), or (words, H) float32.

    Raises:
        InputError: a number is not finite.
    """
    vectors = []
    for batch in fixed_batches(examples):
        hidden = encode(batch).numpy()
        labels = batch["task_labels"]
        if kind == "tag":
            vectors.append(hidden[labels >= 0])
        else:
            pooled = _pool_pair(hidden, batch) if kind == "pair" else _pool(hidden, batch)
            vectors.append(pooled[labels[:, 0] >= 0])
    together = np.concatenate(vectors)
    if not np.isfinite(together).all():
        raise InputError(
            "The hidden states of the model are not all finite numbers, so no probe can classify "
            "them. Use a model whose training did not diverge."
        )
    return together


def make_encode(architecture: Architecture, values: Values) -> Encode:
    """Return an encoder with given weights; encoders of one architecture are compiled once."""
    own = {n: tf.constant(v) for n, v in values.items() if n.startswith(f"{architecture.type}.")}
    return functools.partial(_make_encode(architecture), own)


@functools.lru_cache(maxsize=2)
def _make_encode(architecture: Architecture) -> Callable[[Values, Batch], tf.Tensor]:
    model = build_model(architecture)

    @tf.function(autograph=False)
    def encode(weights: Values, batch: Batch) -> tf.Tensor:
        return model.encode(weights, batch["input_ids"], batch["input_mask"], batch["segment_ids"])

    return encode


def _pool(hidden: np.ndarray, batch: Batch, segment: int | None = None) -> np.ndarray:
    """Average the hidden states (B, L, H) of the real tokens, or of a segment's: (B, H)."""
    mask = batch["input_mask"].astype(np.float32)
    if segment is not None:
        mask = mask * (batch["segment_ids"] == segment)
    total: np.ndarray = (hidden * mask[:, :, None]).sum(1)
    return total / np.maximum(mask.sum(1, keepdims=True), 1)


def _pool_pair(hidden: np.ndarray, batch: Batch) -> np.ndarray:
    u, v = _pool(hidden, batch, 0), _pool(hidden, batch, 1)
    return np.concatenate([u, v, abs(u - v), u * v], axis=1)
