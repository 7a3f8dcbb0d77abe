"""Encode spiece.model by hand, and read the character table of an existing one.

The file is a protocol buffer (sentencepiece_model.proto). The sentencepiece library's own class
for it needs a newer protobuf than TensorFlow 2.16 does.
"""

import struct

from components.protobuf_wire import decode_fields, encode_field, encode_varint
from components.vocabulary_gen.writing.build_tokenizer import Pieces
from core.vocabulary.unigram import PIECE_SPECIALS

NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # SentencePiece.Type
NORMALIZER_SPEC = 3  # field of ModelProto
UNIGRAM = 1  # TrainerSpec.ModelType


def spiece_model(pieces: Pieces, special_ids: set[int], unk_id: int, spec: bytes) -> bytes:
    """Return the bytes of spiece.model.

    No text is encoded as one of the special ids; `spec` is a serialized NormalizerSpec.
    """
    types = [
        UNKNOWN if n == unk_id else CONTROL if n in special_ids else NORMAL
        for n in range(len(pieces))
    ]
    entries = [
        encode_field(1, encode_field(1, piece.encode()) + _float(2, score) + _number(3, kind))
        for (piece, score), kind in zip(pieces, types, strict=True)
    ]
    # trainer_spec: the type of model and the ids; -1 means that <s> and </s> do not exist.
    trainer = _number(3, UNIGRAM) + _number(4, len(pieces)) + _number(40, unk_id)
    trainer += _number(41, -1) + _number(42, -1) + _number(43, 0)
    pad, unknown, *_ = PIECE_SPECIALS
    trainer += encode_field(45, unknown.encode()) + encode_field(48, pad.encode())
    return b"".join(entries) + encode_field(2, trainer) + encode_field(NORMALIZER_SPEC, spec)


def spec_of_charsmap(charsmap: bytes) -> bytes:
    """Return the serialized NormalizerSpec with a compiled table; b"" gives the identity."""
    name = b"imported" if charsmap else b"identity"
    flags = b"".join(_number(number, 1) for number in (3, 4, 5))  # prefix, extra and escaped spaces
    return encode_field(1, name) + encode_field(2, charsmap) + flags


def charsmap_of(model: bytes) -> bytes:
    """Return the compiled table of a spiece.model, or b"" if it has none."""
    spec = dict(decode_fields(model)).get(NORMALIZER_SPEC, b"")
    return dict(decode_fields(spec)).get(2, b"")


def _number(number: int, value: int) -> bytes:
    return encode_varint(number << 3) + encode_varint(value & (1 << 64) - 1)


def _float(number: int, value: float) -> bytes:
    return encode_varint(number << 3 | 5) + struct.pack("<f", value)
