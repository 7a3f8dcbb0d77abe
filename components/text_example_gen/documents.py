"""Define a document: its id and its tf.Example record, without TensorFlow."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from components.protobuf_wire import decode_fields, encode_field
from core.errors import InputError

DOCUMENT_ID_LENGTH = 32  # hex digits
EXAMPLE_CHARACTERS = 300  # of a document that is shown in a manifest
SHARD_BUCKETS = 1 << 14  # equal ranges of ids; a shard is at least one of them

Bits = TypeVar("Bits", int, npt.NDArray[np.int64])


@dataclass(frozen=True)
class Document:
    """Sentences that belong together, in order; at least one."""

    sentences: tuple[str, ...]
    record_id: str = ""  # the id in the record that the document comes from, if it is kept
    metadata: str = ""  # fields of the record, as JSON, if they are kept

    @property
    def content(self) -> bytes:
        """Return the text as UTF-8, one sentence per line."""
        return "\n".join(self.sentences).encode()

    @property
    def document_id(self) -> str:
        """Return the start of the content's sha256; equal documents have equal ids."""
        return hashlib.sha256(self.content).hexdigest()[:DOCUMENT_ID_LENGTH]


def find_source(file: str) -> str:
    """Return the source of a file, of several, from the name that `find_sources` gave it."""
    return file.partition("/")[0]


def shard_bucket(first_bits: Bits) -> Bits:
    """Return the id range, in [0, SHARD_BUCKETS), for the first 16 bits of an id or of several."""
    return first_bits * SHARD_BUCKETS >> 16


def encode_document(
    document_id: str, sentences: Sequence[str], source: str, **others: str
) -> bytes:
    """Return the serialized tf.Example of a document; of the others only what is not empty."""
    features = [
        _feature("document_id", [document_id.encode()]),
        _feature("sentences", [sentence.encode() for sentence in sentences]),
        _feature("source", [source.encode()]),
    ]
    features += [_feature(name, [value.encode()]) for name, value in others.items() if value]
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
