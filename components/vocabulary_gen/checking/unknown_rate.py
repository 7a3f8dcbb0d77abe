"""A tokenizer and text to the share of words that it does not know, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from tokenizers import Encoding, Tokenizer

from core.vocabulary.tokenizer_file import VocabularyError

MEASURED_BYTES = 16 << 20  # of text; the share's error is far below any limit with so much
SHOWN_CHARACTERS = 10
_BATCH = 256  # documents that the library spreads over threads at a time


@dataclass(frozen=True)
class Measurement:
    """What the tokenizer makes of the text."""

    words: int
    unknown_words: int
    tokens: int
    unknown_characters: tuple[tuple[str, int], ...]  # most frequent first

    @property
    def unknown_rate(self) -> float:
        """Share of the words that become [UNK]."""
        return self.unknown_words / max(self.words, 1)


def measure(tokenizer: Tokenizer, unk_id: int, documents: Iterable[Sequence[str]]) -> Measurement:
    """Counts words and [UNK] in the first MEASURED_BYTES of the documents.

    Args:
        tokenizer: of plain text, which adds nothing (`Vocabulary.tokenizer`).
        unk_id: of what it does not know.
        documents: the sentences of each.
    """
    words = tokens = unknown = 0
    characters: Counter[str] = Counter()
    for sentences, encoding in _encode(tokenizer, documents):
        ids = encoding.ids
        tokens += len(ids)
        words += len(set(encoding.word_ids))
        if unk_id in ids:
            at = zip(encoding.word_ids, ids, strict=True)
            unknown += len({word for word, piece in at if piece == unk_id})
            for (start, end), piece in zip(encoding.offsets, ids, strict=True):
                if piece == unk_id:
                    characters.update(_unknown_characters(tokenizer, sentences[start:end], unk_id))
    return Measurement(words, unknown, tokens, tuple(characters.most_common(SHOWN_CHARACTERS)))


def check_unknown_rate(measurement: Measurement, limit: float, remedy: str) -> None:
    """Refuses a vocabulary that does not know too many of the words.

    Raises:
        VocabularyError: the share of unknown words is above the limit.
    """
    if measurement.unknown_rate <= limit:
        return
    shown = ", ".join(
        f"{c!r} (U+{ord(c):04X}) {n:,} times" for c, n in measurement.unknown_characters
    )
    raise VocabularyError(
        f"{measurement.unknown_rate:.2%} of the train split's words are [UNK], more than "
        f"vocabulary.max_unknown_rate ({limit:.2%}) allows. The most frequent characters that the "
        f"vocabulary lacks: {shown or 'none; the words are too long'}. {remedy}"
    )


def _encode(
    tokenizer: Tokenizer, documents: Iterable[Sequence[str]]
) -> Iterator[tuple[str, Encoding]]:
    texts = _first_bytes(("\n".join(sentences) for sentences in documents), MEASURED_BYTES)
    while batch := list(islice(texts, _BATCH)):
        encodings = tokenizer.encode_batch(batch, add_special_tokens=False)
        yield from zip(batch, encodings, strict=True)


def _first_bytes(texts: Iterable[str], max_bytes: int) -> Iterator[str]:
    size = 0
    for text in texts:
        yield text
        size += len(text.encode())
        if size >= max_bytes:
            return


def _unknown_characters(tokenizer: Tokenizer, word: str, unk_id: int) -> list[str]:
    """The characters of a word that are unknown alone; none if it is only too long."""
    return [c for c in word if unk_id in tokenizer.encode(c, add_special_tokens=False).ids]
