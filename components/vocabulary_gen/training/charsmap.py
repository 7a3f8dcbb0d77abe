"""Convert a normalizer of the `tokenizers` library into SentencePiece's table of replacements."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from core.vocabulary.unigram import WORD_BEGIN

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
