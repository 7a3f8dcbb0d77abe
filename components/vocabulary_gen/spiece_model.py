"""Encode spiece.model by hand, and read the character table of an existing one.

The file is a protocol buffer (sentencepiece_model.proto). The sentencepiece library's own class
for it needs a newer protobuf than TensorFlow 2.16 does.
"""

import struct

from components.vocabulary_gen.build_tokenizer import Pieces
from core.vocabulary.unigram import PIECE_SPECIALS

NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # SentencePiece.Type
NORMALIZER_SPEC = 3  # field of ModelProto
UNIGRAM = 1  # TrainerSpec.ModelType


def spiece_model(pieces: Pieces, special_ids: set[int], unk_id: int, spec: bytes) -> bytes:
    """Return the bytes of spiece.model.

    Args:
        pieces: all pieces, including special tokens.
        special_ids: ids that no text is encoded as.
        unk_id: id of unknown text.
        spec: a serialized NormalizerSpec.
    """
    types = [
        UNKNOWN if n == unk_id else CONTROL if n in special_ids else NORMAL
        for n in range(len(pieces))
    ]
    entries = [
        _field(1, _field(1, piece.encode()) + _float(2, score) + _number(3, kind))
        for (piece, score), kind in zip(pieces, types, strict=True)
    ]
    # trainer_spec: the type of model and the ids; -1 means that <s> and </s> do not exist.
    trainer = _number(3, UNIGRAM) + _number(4, len(pieces)) + _number(40, unk_id)
    trainer += _number(41, -1) + _number(42, -1) + _number(43, 0)
    trainer += _field(45, PIECE_SPECIALS[1].encode()) + _field(48, PIECE_SPECIALS[0].encode())
    return b"".join(entries) + _field(2, trainer) + _field(NORMALIZER_SPEC, spec)


def spec_of_charsmap(charsmap: bytes) -> bytes:
    """Return the serialized NormalizerSpec with a compiled table; b"" gives the identity."""
    name = b"imported" if charsmap else b"identity"
    flags = b"".join(_number(number, 1) for number in (3, 4, 5))  # prefix, extra and escaped spaces
    return _field(1, name) + _field(2, charsmap) + flags


def charsmap_of(model: bytes) -> bytes:
    """Return the compiled table of a spiece.model, or b"" if it has none."""
    spec = _fields(model).get(NORMALIZER_SPEC, b"")
    return _fields(spec).get(2, b"")


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _number(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & (1 << 64) - 1)


def _float(number: int, value: float) -> bytes:
    return _varint(number << 3 | 5) + struct.pack("<f", value)


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def _fields(message: bytes) -> dict[int, bytes]:
    """Return the last value of each length-delimited field."""
    values, at = {}, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag & 7 == 2:
            length, at = _read_varint(message, at)
            values[tag >> 3] = message[at : at + length]
            at += length
        elif tag & 7 == 0:
            _, at = _read_varint(message, at)
        else:
            at += 8 if tag & 7 == 1 else 4
    return values


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    """Return the value and the position after it."""
    value = shift = 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1
