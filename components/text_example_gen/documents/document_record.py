"""Encode and decode the tf.Example record of a document, without TensorFlow.

In the wire format of protocol buffers, a field is its tag, its length and its bytes. Features are
in alphabetical order, as in TensorFlow's deterministic serialization.
"""

from collections.abc import Iterator, Sequence

from core.errors import InputError


def encode_document(document_id: str, sentences: Sequence[str], source: str) -> bytes:
    """Return the serialized tf.Example of a document.

    Args:
        document_id: 32 hex digits.
        sentences: at least one.
        source: name of the file that the document comes from.
    """
    features = (
        _feature("document_id", [document_id.encode()]),
        _feature("sentences", [sentence.encode() for sentence in sentences]),
        _feature("source", [source.encode()]),
    )
    return _field(b"".join(features))  # Example.features


def encode_bytes_feature(values: Sequence[bytes]) -> bytes:
    """Return the serialized tf.train.Feature of a list of bytes."""
    return _field(b"".join(map(_field, values)))  # Feature.bytes_list.value


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
    return _field(_field(name.encode()) + _field(encode_bytes_feature(values), tag=b"\x12"))


def _field(value: bytes, tag: bytes = b"\x0a") -> bytes:
    """Return a field of bytes; the tag is (field number << 3 | 2), by default of field 1."""
    length = len(value)
    return tag + (_SHORT[length] if length < len(_SHORT) else _varint(length)) + value


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _values(message: bytes) -> Iterator[bytes]:
    """Yield the values of a message whose fields are all length-delimited."""
    at = 0
    while at < len(message):
        at += 1  # the one-byte tag; the field is known from its position
        length = shift = 0
        while message[at] & 0x80:
            length |= (message[at] & 0x7F) << shift
            shift += 7
            at += 1
        length |= message[at] << shift
        at += 1
        yield message[at : at + length]
        at += length


_SHORT = [_varint(length) for length in range(1 << 11)]  # covers most sentences and halves the time
