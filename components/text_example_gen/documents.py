"""Define a document: its id, its split and its tf.Example record, without TensorFlow."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from components.protobuf_wire import decode_fields, encode_field
from core.errors import InputError

DOCUMENT_ID_LENGTH = 32  # hex digits
ID_BUCKETS = 1 << 14  # equal ranges of ids; a shard is at least one of them

Bits = TypeVar("Bits", int, npt.NDArray[np.int64])


@dataclass(frozen=True)
class Document:
    """Sentences that belong together, in order; at least one."""

    sentences: tuple[str, ...]

    @property
    def content(self) -> bytes:
        """Return the text as UTF-8, one sentence per line."""
        return "\n".join(self.sentences).encode()

    @property
    def document_id(self) -> str:
        """Return the start of the content's sha256; equal documents have equal ids."""
        return hashlib.sha256(self.content).hexdigest()[:DOCUMENT_ID_LENGTH]


def id_bucket(first_bits: Bits) -> Bits:
    """Return the id range, in [0, ID_BUCKETS), for the first 16 bits of an id or of several."""
    return first_bits * ID_BUCKETS >> 16


def encode_document(document_id: str, sentences: Sequence[str], source: str) -> bytes:
    """Return the serialized tf.Example of a document."""
    features = (
        _feature("document_id", [document_id.encode()]),
        _feature("sentences", [sentence.encode() for sentence in sentences]),
        _feature("source", [source.encode()]),
    )
    return encode_field(1, b"".join(features))  # Example.features


def encode_bytes_feature(values: Sequence[bytes]) -> bytes:
    """Return the serialized tf.train.Feature of a list of bytes."""
    # Feature.bytes_list.value
    return encode_field(1, b"".join(encode_field(1, value) for value in values))


def decode_sentences(record: bytes) -> list[str]:
    """Return the sentences of a serialized document; ignore other features.

    Raises:
        InputError: the record is not a document.
    """
    try:
        for entry in _values(next(_values(record))):
            name, feature = _values(entry)
            if name == b"sentences":
                return [value.decode() for value in _values(next(_values(feature)))]
    except (IndexError, StopIteration, ValueError) as error:
        raise InputError(
            f"A record of {len(record)} bytes is not a document ({error or 'it ends too soon'}). "
            f"Use documents that TextExampleGen wrote, or run it again."
        ) from error
    return []


def _feature(name: str, values: Sequence[bytes]) -> bytes:
    """Return an entry of the map Features.feature: the key is field 1, the value field 2."""
    key, value = encode_field(1, name.encode()), encode_field(2, encode_bytes_feature(values))
    return encode_field(1, key + value)


def _values(message: bytes) -> Iterator[bytes]:
    return (content for _, content in decode_fields(message))


SPLITS = ("train", "eval")
HASH_BUCKETS = 10_000  # so a split's share is a multiple of 1/10,000


def hash_buckets(eval_fraction: float) -> tuple[int, int]:
    """Return how many hash buckets belong to the train split and to the eval split."""
    held_out = min(max(round(eval_fraction * HASH_BUCKETS), 1), HASH_BUCKETS - 1)
    return HASH_BUCKETS - held_out, held_out


def hash_bucket(document_id: str) -> int:
    """Return the hash bucket of a document, in [0, HASH_BUCKETS).

    TFX hashes the serialized feature that `partition_feature_name` names
    (tfx/components/example_gen/base_example_gen_executor.py, `_PartitionFn`).
    """
    partition = encode_bytes_feature([document_id.encode()])
    return int(hashlib.sha256(partition).hexdigest(), 16) % HASH_BUCKETS


def choose_split(bucket: int, eval_fraction: float) -> int:
    """Return the index in `SPLITS` of the split that owns a hash bucket."""
    return int(bucket >= hash_buckets(eval_fraction)[0])
