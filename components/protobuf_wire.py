"""Encode and decode the wire format of protocol buffers by hand.

A message is a sequence of fields: a tag (field number << 3 | wire type) and a value.
"""

from collections.abc import Iterator

VARINT, FIXED64, LENGTH_DELIMITED = 0, 1, 2  # wire types; 5 is fixed 32


def encode_field(number: int, content: bytes) -> bytes:
    """Return a length-delimited field: bytes, a string or a message."""
    length = len(content)
    prefix = _SHORT[length] if length < len(_SHORT) else encode_varint(length)
    return _SHORT[number << 3 | LENGTH_DELIMITED] + prefix + content


def encode_varint(value: int) -> bytes:
    """Return a non-negative integer in groups of 7 bits, the lowest first."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def decode_fields(message: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield number and content of each length-delimited field; skip all other fields.

    Raises:
        IndexError: the message is cut short.
    """
    at = 0
    while at < len(message):
        tag, at = _decode_varint(message, at)
        kind = tag & 7
        if kind == LENGTH_DELIMITED:
            length, at = _decode_varint(message, at)
            yield tag >> 3, message[at : at + length]
            at += length
        elif kind == VARINT:
            _, at = _decode_varint(message, at)
        else:
            at += 8 if kind == FIXED64 else 4


def _decode_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the value that begins at a position, and the position after it."""
    value = shift = 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1


_SHORT = [encode_varint(length) for length in range(1 << 11)]  # most sentences are shorter
