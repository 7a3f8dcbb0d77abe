"""Encode spiece.model by hand, with SentencePiece's table of replacements.

The file is a protocol buffer (sentencepiece_model.proto). The sentencepiece library's own class
for it needs a newer protobuf than TensorFlow 2.16 does.
"""

import struct
import unicodedata
from collections.abc import Iterator
from typing import Any

from components.protobuf_wire import decode_fields, encode_field, encode_varint
from components.vocabulary_gen.writing.build_tokenizer import Pieces
from core.vocabulary.unigram import PIECE_SPECIALS, WORD_BEGIN

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


def read_charsmap(model: bytes) -> bytes:
    """Return the compiled table of a spiece.model, or b"" if it has none."""
    spec = dict(decode_fields(model)).get(NORMALIZER_SPEC, b"")
    return dict(decode_fields(spec)).get(2, b"")


def _number(number: int, value: int) -> bytes:
    return encode_varint(number << 3) + encode_varint(value & (1 << 64) - 1)


def _float(number: int, value: float) -> bytes:
    return encode_varint(number << 3 | 5) + struct.pack("<f", value)


FIRST_PRIVATE_USE = 0xE0200  # characters from here on would only double the size of the table


def normalizer_spec(normalizer: Any) -> bytes:
    """Return the serialized `NormalizerSpec` that does to text in NFC what the normalizer does.

    With it, spiece.model alone gives the ids of tokenizer.json, both in the sentencepiece library
    and in TensorFlow's graph. It also composes Hangul and Latin text in NFD, except where a
    character that the normalizer drops stands between a letter and its mark.
    """
    from sentencepiece import SentencePieceNormalizer

    table = SentencePieceNormalizer(
        norm_map=sorted(_table(normalizer).items()),
        add_dummy_prefix=True,
        escape_whitespaces=True,
        remove_extra_whitespaces=True,
    )
    spec: bytes = table.serialized_normalizer_spec()
    return spec


def _table(normalizer: Any) -> dict[str, str]:
    """Return the replacements; SentencePiece applies the longest match from the left."""
    normalize = normalizer.normalize_str
    table = {text: normalize(text) for text in _characters()}
    for character in _characters():
        for sequence in _decompositions(character):
            table[sequence] = normalize(sequence)
    table[WORD_BEGIN] = " "  # in the text it would look like the start of a word
    return {text: replacement for text, replacement in table.items() if text != replacement}


def _characters() -> Iterator[str]:
    for number in range(1, FIRST_PRIVATE_USE):
        character = chr(number)
        if unicodedata.category(character) not in ("Cn", "Cs"):
            yield character


def _decompositions(character: str) -> set[str]:
    """Return the sequences that NFC, or lowercasing and then NFC, composes into the character."""
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 1:
        return set()
    partly_composed = unicodedata.normalize("NFC", parts[:-1]) + parts[-1]
    sequences = {parts, partly_composed}
    return sequences | {text[0].upper() + text[1:] for text in sequences}
