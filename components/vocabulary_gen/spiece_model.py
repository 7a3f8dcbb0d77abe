"""Pieces to a SentencePiece model and to the tokenizer that gives the same ids, and back.

The model is a protocol buffer (sentencepiece_model.proto). The library's own class for it needs a
newer protobuf than TensorFlow 2.16 has; the few fields are written here by hand.
"""

import struct
from collections.abc import Sequence
from typing import Any

from tokenizers import (
    Regex,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

from core.vocabulary.unigram import PIECE_SPECIALS, WORD_BEGIN

Pieces = Sequence[tuple[str, float]]  # piece and its log-probability, by id
NORMAL, UNKNOWN, CONTROL = 1, 2, 3  # SentencePiece.Type
NORMALIZER_SPEC = 3  # field of ModelProto
UNIGRAM = 1


def spiece_model(pieces: Pieces, specials: set[int], unk_id: int, spec: bytes) -> bytes:
    """The bytes of spiece.model.

    Args:
        pieces: with the specials.
        specials: ids that no text becomes.
        unk_id: of what is not known.
        spec: a serialised NormalizerSpec.
    """
    types = [
        UNKNOWN if n == unk_id else CONTROL if n in specials else NORMAL for n in range(len(pieces))
    ]
    entries = [
        _field(1, _field(1, piece.encode()) + _float(2, score) + _number(3, kind))
        for (piece, score), kind in zip(pieces, types, strict=True)
    ]
    # trainer_spec: the type of model, and the ids; there is neither <s> nor </s>.
    trainer = _number(3, UNIGRAM) + _number(4, len(pieces)) + _number(40, unk_id)
    trainer += _number(41, -1) + _number(42, -1) + _number(43, 0)
    trainer += _field(45, PIECE_SPECIALS[1].encode()) + _field(48, PIECE_SPECIALS[0].encode())
    return b"".join(entries) + _field(2, trainer) + _field(NORMALIZER_SPEC, spec)


def spec_of_charsmap(charsmap: bytes) -> bytes:
    """The serialised NormalizerSpec with a compiled table; without one it changes nothing."""
    name = b"imported" if charsmap else b"identity"
    flags = b"".join(_number(number, 1) for number in (3, 4, 5))  # prefix, extra and escaped spaces
    return _field(1, name) + _field(2, charsmap) + flags


def charsmap_of(model: bytes) -> bytes:
    """The compiled table of a spiece.model; empty if it has none."""
    spec = _fields(model).get(NORMALIZER_SPEC, b"")
    return _fields(spec).get(2, b"")


def unigram_tokenizer(pieces: Pieces, normalizer: Any, prepend: str) -> Tokenizer:
    """A tokenizer of these pieces, with ALBERT's five specials as added tokens.

    Args:
        pieces: ids are places in it.
        normalizer: what is done before spaces are made one and become `▁`.
        prepend: where a space is put that is not there: "always", before each part of the text,
            or "first", so that in `데비안은 [MASK].` there is none before the full stop.
    """
    ids = {piece: n for n, (piece, _) in enumerate(pieces)}
    tokenizer = Tokenizer(models.Unigram(list(pieces), ids[PIECE_SPECIALS[1]], False))
    tokenizer.normalizer = normalizers.Sequence(
        [
            normalizer,
            normalizers.Replace(WORD_BEGIN, " "),
            normalizers.Replace(Regex(" {2,}"), " "),
            normalizers.Strip(
                left=False, right=True
            ),  # Metaspace takes one on the left for its own
        ]
    )
    cuts: dict[str, Any] = {"prepend_scheme": prepend, "split": True}
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(**cuts)
    tokenizer.decoder = decoders.Metaspace(**cuts)
    tokenizer.add_special_tokens(list(PIECE_SPECIALS))
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0",
        pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        special_tokens=[(name, ids[name]) for name in ("[CLS]", "[SEP]")],
    )
    return tokenizer


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
    """The last value of each field that has a length."""
    found, at = {}, 0
    while at < len(message):
        tag, at = _read_varint(message, at)
        if tag & 7 == 2:
            length, at = _read_varint(message, at)
            found[tag >> 3] = message[at : at + length]
            at += length
        elif tag & 7 == 0:
            _, at = _read_varint(message, at)
        else:
            at += 8 if tag & 7 == 1 else 4
    return found


def _read_varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while message[at] & 0x80:
        value |= (message[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
    return value | message[at] << shift, at + 1
