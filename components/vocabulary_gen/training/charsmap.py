"""A normaliser of the `tokenizers` library to SentencePiece's own, which maps text by a table."""

import unicodedata
from collections.abc import Iterator
from typing import Any

from core.vocabulary.unigram import WORD_BEGIN

PLANES_WITH_TEXT = (
    0xE0200  # what follows is for private use; left out, as it would double the table
)


def normalizer_spec(normalizer: Any) -> bytes:
    """The serialised `NormalizerSpec` that does what the normaliser does to text in NFC.

    With it, spiece.model alone gives the ids of tokenizer.json, in the sentencepiece library as
    in TensorFlow's graph. Hangul and Latin that were taken apart (NFD) are put together as well;
    only a letter and a mark with a character between them that is dropped stay apart.
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
    """What becomes what: the longest entry that matches is applied, from the left."""
    normalize = normalizer.normalize_str
    table = {text: normalize(text) for text in _characters()}
    for character in _characters():
        for apart in _taken_apart(character):
            table[apart] = normalize(apart)
    table[WORD_BEGIN] = " "  # in the text, it would be taken for the begin of a word
    return {text: other for text, other in table.items() if text != other}


def _characters() -> Iterator[str]:
    for number in range(1, PLANES_WITH_TEXT):
        character = chr(number)
        if unicodedata.category(character) not in ("Cn", "Cs"):
            yield character


def _taken_apart(character: str) -> set[str]:
    """The sequences that NFC, or lower-casing and then NFC, makes a character of."""
    parts = unicodedata.normalize("NFD", character)
    if len(parts) == 1:
        return set()
    begun = unicodedata.normalize("NFC", parts[:-1]) + parts[-1]
    ways = {parts, begun}
    return ways | {way[0].upper() + way[1:] for way in ways}
