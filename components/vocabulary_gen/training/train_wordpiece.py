"""Train a WordPiece vocabulary: the same text gives the same bytes on any machine."""

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pyarrow as pa
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from components.instance_gen.tokenizing.chunk_tokenizer import divide_at_punctuation
from components.settings import VocabularySettings
from components.vocabulary_gen.training.alphabet import choose_alphabet, count_characters
from components.vocabulary_gen.writing.build_tokenizer import (
    CONTINUATION,
    make_normalizer,
    wordpiece_tokenizer,
)
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary
from core.vocabulary.wordpiece import SPECIALS

BATCH_DOCUMENTS = 256  # divided into chunks together; their bytes fit in a core's cache
COUNTED_BYTES = 32 << 20  # of chunks and their offsets that are counted together
KEPT_CHUNKS = 1 << 19  # distinct ones, counted before they are divided into words
PARALLELISM = "TOKENIZERS_PARALLELISM"  # environment: the library reads it at every call
REPEATED_AT_ONCE = 1024  # words in a text that the trainer gets


def train_wordpiece(words: Counter[str], settings: VocabularySettings) -> NewVocabulary:
    """Train a WordPiece vocabulary on the words of `count_words`.

    Returns:
        The vocabulary, with the counts `alphabet` (characters with an entry) and
        `rare_characters` (characters without).
    """
    normalizer = make_normalizer(settings)
    counts = count_characters(words)
    alphabet = choose_alphabet(
        counts, settings.size, lambda c: len(list_entries([c], settings.splits_cjk))
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIALS[1]))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # The library numbers continuing characters in the order of a hash map and breaks ties between
    # merges by these numbers, so two runs would differ. As special tokens they get fixed numbers.
    trainer = trainers.WordPieceTrainer(
        vocab_size=settings.size,
        min_frequency=settings.min_frequency,
        special_tokens=[*SPECIALS, *list_entries(alphabet, settings.splits_cjk)],
        initial_alphabet=alphabet,
        limit_alphabet=len(alphabet),
        show_progress=False,
    )
    with _restored_parallelism():
        tokenizer.train_from_iterator(_repeat(words), trainer)
    return NewVocabulary(
        "wordpiece",
        wordpiece_tokenizer(tokenizer.get_vocab(), normalizer),
        counts=Counter(alphabet=len(alphabet), rare_characters=len(counts) - len(alphabet)),
    )


def count_words(documents: Iterable[Sequence[str]], normalizer: Any) -> Counter[str]:
    """Count the words of the normalized text, which are separated as BERT does.

    Chunks that are normalized independently are counted first, so that each distinct one is
    normalized and divided into words once.
    """
    words: Counter[str] = Counter()
    chunks: Counter[str] = Counter()
    for batch in _divide_into_chunks(documents):
        counted = pa.chunked_array(batch, pa.large_string()).value_counts()
        distinct, numbers = (counted.field(name).to_pylist() for name in ("values", "counts"))
        chunks.update(dict(zip(distinct, numbers, strict=True)))
        if len(chunks) > KEPT_CHUNKS:
            _divide(chunks, normalizer, words)
    _divide(chunks, normalizer, words)
    return words


def _divide_into_chunks(documents: Iterable[Sequence[str]]) -> Iterator[list[pa.Array]]:
    """Yield arrays of chunks; the more are counted together, the more of them are alike."""
    arrays: list[pa.Array] = []
    rest = iter(documents)
    while batch := list(itertools.islice(rest, BATCH_DOCUMENTS)):
        sentences = pa.array(itertools.chain.from_iterable(batch), pa.large_string())
        arrays.append(divide_at_punctuation(sentences)[0])
        if sum(array.nbytes for array in arrays) > COUNTED_BYTES:
            yield arrays
            arrays = []
    yield arrays


def _divide(chunks: Counter[str], normalizer: Any, words: Counter[str]) -> None:
    """Move the counts of chunks to those of their words, those of equal counts together."""
    divider = pre_tokenizers.BertPreTokenizer()
    equal: dict[tuple[int, bool], list[str]] = {}
    for chunk, number in chunks.items():
        equal.setdefault((number, chunk.isascii()), []).append(chunk)
    for (number, is_ascii), of_number in equal.items():
        text = normalizer.normalize_str(" ".join(of_number))
        # The chunks are divided at ASCII punctuation already.
        divided = text.split() if is_ascii else (w for w, _ in divider.pre_tokenize_str(text))
        for word in divided:
            words[word] += number
    chunks.clear()


def _repeat(words: Counter[str]) -> Iterator[str]:
    """Yield texts with each word as often as it occurs; the library counts words only itself.

    Words of one character have no pair to merge. After the last text, the library merges pairs; a
    merge changes few words, and to share them out among threads takes longer than the merge.
    """
    for word, number in words.items():
        for begin in range(0, number if len(word) > 1 else 0, REPEATED_AT_ONCE):
            yield f"{word} " * min(number - begin, REPEATED_AT_ONCE)
    os.environ[PARALLELISM] = "false"


@contextlib.contextmanager
def _restored_parallelism() -> Iterator[None]:
    """Restore whether the library uses threads."""
    before = os.environ.get(PARALLELISM)
    try:
        yield
    finally:
        os.environ.pop(PARALLELISM, None)
        if before is not None:
            os.environ[PARALLELISM] = before


def list_entries(alphabet: Sequence[str], split_cjk: bool = True) -> list[str]:
    """Return the entries for characters: each alone, and after `##` if it can continue a word."""
    return [*alphabet, *(CONTINUATION + c for c in alphabet if _can_continue(c, split_cjk))]


def _can_continue(character: str, split_cjk: bool) -> bool:
    """Return whether the pre-tokenizer keeps the character within a word."""
    bert = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=split_cjk)
    spaced = bert.normalize_str("a" + character)
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(spaced)) == 1
