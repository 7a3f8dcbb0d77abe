"""Check a vocabulary on real text: the share of unknown words, and that both files agree."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import pyarrow as pa
from tokenizers import Encoding, Tokenizer

from components.instance_gen.tokenizing.chunk_tokenizer import find_divider
from core.vocabulary.tokenizer_file import VocabularyError

MEASURED_BYTES = 4 << 20  # of text, 700,000 words; the error of a share of 1 % is 0.01 %
SHOWN_CHARACTERS = 10


@dataclass(frozen=True)
class UnknownMeasurement:
    """Counts of words and tokens in encoded text."""

    words: int
    unknown_words: int
    tokens: int
    unknown_characters: tuple[tuple[str, int], ...]  # most frequent first

    @property
    def unknown_rate(self) -> float:
        """Return the share of words that become [UNK]."""
        return self.unknown_words / max(self.words, 1)


def measure_unknown(
    tokenizer: Tokenizer, unk_id: int, documents: Iterable[Sequence[str]]
) -> UnknownMeasurement:
    """Count words and [UNK] in the first MEASURED_BYTES of the documents.

    The tokenizer is that of plain text (`Vocabulary.tokenizer`), which adds no special tokens.
    """
    words = tokens = unknown = 0
    characters: Counter[str] = Counter()
    for text, encoding, number in _encode(tokenizer, documents):
        ids = encoding.ids
        tokens += number * len(ids)
        words += number * len(set(encoding.word_ids))
        if unk_id in ids:
            words_of_ids = zip(encoding.word_ids, ids, strict=True)
            of_unknown = {word for word, token_id in words_of_ids if token_id == unk_id}
            unknown += number * len(of_unknown)
            for (start, end), token_id in zip(encoding.offsets, ids, strict=True):
                if token_id == unk_id:
                    for character in _unknown_characters(tokenizer, text[start:end], unk_id):
                        characters[character] += number
    frequent = tuple(characters.most_common(SHOWN_CHARACTERS))
    return UnknownMeasurement(words, unknown, tokens, frequent)


def check_unknown_rate(measurement: UnknownMeasurement, limit: float, remedy: str) -> None:
    """Refuse a vocabulary that does not know too many of the words.

    Raises:
        VocabularyError: the share of unknown words is above the limit.
    """
    if measurement.unknown_rate <= limit:
        return
    characters = ", ".join(
        f"{c!r} (U+{ord(c):04X}) {n:,} times" for c, n in measurement.unknown_characters
    )
    raise VocabularyError(
        f"{measurement.unknown_rate:.2%} of the train split's words are [UNK], more than "
        f"vocabulary.max_unknown_rate ({limit:.2%}) allows. The most frequent characters that the "
        f"vocabulary lacks: {characters or 'none; the words are too long'}. {remedy}, or raise "
        f"vocabulary.max_unknown_rate."
    )


def _encode(
    tokenizer: Tokenizer, documents: Iterable[Sequence[str]]
) -> Iterator[tuple[str, Encoding, int]]:
    """Yield each distinct chunk of the sentences, encoded, and how often it occurs."""
    sentences = pa.array(_first_bytes(documents, MEASURED_BYTES), pa.large_string())
    divide = find_divider(tokenizer)
    counted = (divide(sentences)[0] if divide else sentences).value_counts()
    chunks = counted.field("values").to_pylist()
    encodings = tokenizer.encode_batch(chunks, add_special_tokens=False)
    yield from zip(chunks, encodings, counted.field("counts").to_pylist(), strict=True)


def _first_bytes(documents: Iterable[Sequence[str]], max_bytes: int) -> Iterator[str]:
    """Yield the sentences of the first documents."""
    size = 0
    for sentences in documents:
        yield from sentences
        size += len("\n".join(sentences).encode())
        if size >= max_bytes:
            return


def _unknown_characters(tokenizer: Tokenizer, word: str, unk_id: int) -> list[str]:
    """Return the characters of a word that are unknown alone; none if it is only too long."""
    return [c for c in word if unk_id in tokenizer.encode(c, add_special_tokens=False).ids]


COMPARED_DOCUMENTS = 2000
# Share of sentences. `tokenizers` applies the character table to some characters differently.
MAX_DIFFERING_SHARE = 0.001


def count_differing(
    tokenizer: Tokenizer, spiece_model: bytes, documents: Iterable[Sequence[str]]
) -> int:
    """Count the sentences to which tokenizer.json and spiece.model give different ids.

    Only the first documents are compared. Both get text from the normalizer of tokenizer.json, as
    in the exported model.

    Raises:
        VocabularyError: more than one in a thousand sentences differ.
    """
    from sentencepiece import SentencePieceProcessor

    model = SentencePieceProcessor(model_proto=spiece_model)
    total, differing = 0, []
    for sentences in islice(documents, COMPARED_DOCUMENTS):
        encodings = tokenizer.encode_batch(list(sentences), add_special_tokens=False)
        pieces = model.encode([_normalize(tokenizer, sentence) for sentence in sentences])
        total += len(sentences)
        pairs = zip(sentences, encodings, pieces, strict=True)
        differing += [sentence for sentence, encoding, ids in pairs if encoding.ids != ids]
    if len(differing) > MAX_DIFFERING_SHARE * total:
        raise VocabularyError(
            f"tokenizer.json and spiece.model give different ids to {len(differing):,} of "
            f"{total:,} sentences, the first {differing[0][:80]!r}. They belong to different "
            f"vocabularies: import a folder with only one of the two files."
        )
    return len(differing)


def _normalize(tokenizer: Tokenizer, sentence: str) -> str:
    return tokenizer.normalizer.normalize_str(sentence) if tokenizer.normalizer else sentence
