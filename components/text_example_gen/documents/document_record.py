"""A document to the bytes of its tf.Example and back, without TensorFlow.

The wire format is protocol buffers': a field is its tag, its length and its bytes. Written with
the features in alphabetical order, as TensorFlow's own deterministic serialisation does.
"""

from collections.abc import Iterator, Sequence

from core.errors import InputError


def encode_document(document_id: str, sentences: Sequence[str], source: str) -> bytes:
    """The serialised tf.Example of a document.

    Args:
        document_id: 32 hex digits.
        sentences: at least one.
        source: the file it came from.
    """
    features = (
        _feature("document_id", [document_id.encode()]),
        _feature("sentences", [sentence.encode() for sentence in sentences]),
        _feature("source", [source.encode()]),
    )
    return _field(b"".join(features))  # Example.features


def encode_bytes_feature(values: Sequence[bytes]) -> bytes:
    """The serialised tf.train.Feature of a list of bytes."""
    return _field(b"".join(map(_field, values)))  # Feature.bytes_list.value


def decode_sentences(record: bytes) -> list[str]:
    """The sentences of a serialised document; unknown features are passed over.

    Raises:
        InputError: the record is no document.
    """
    try:
        for entry in _values(next(_values(record))):
            name, feature = _values(entry)
            if name == b"sentences":
                return [value.decode() for value in _values(next(_values(feature)))]
    except (IndexError, StopIteration, ValueError) as error:
        raise InputError(
            f"A record of {len(record)} bytes is no document ({error or 'it ends too soon'}). Give "
            f"documents that TextExampleGen wrote, or run it again."
        ) from error
    return []


def _feature(name: str, values: Sequence[bytes]) -> bytes:
    """An entry of Features.feature: a map's entry has its key in field 1, its value in field 2."""
    return _field(_field(name.encode()) + _field(encode_bytes_feature(values), tag=b"\x12"))


def _field(value: bytes, tag: bytes = b"\x0a") -> bytes:
    """A field of bytes; its tag is number << 3 | 2, here of field 1."""
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
    """The values of a message whose fields all have a length."""
    at = 0
    while at < len(message):
        at += 1  # the tag; its number is known from the place
        length = shift = 0
        while message[at] & 0x80:
            length |= (message[at] & 0x7F) << shift
            shift += 7
            at += 1
        length |= message[at] << shift
        at += 1
        yield message[at : at + length]
        at += length


_SHORT = [_varint(length) for length in range(1 << 11)]  # most sentences; saves half the time
