"""Train a WordPiece vocabulary: the same text gives the same bytes on any machine."""

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
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

BATCH_DOCUMENTS = 256
KEPT_CHUNKS = 1 << 18  # distinct ones, counted before they are divided into words
REPEATED_AT_ONCE = 1024  # words in a text that the trainer gets


def train_wordpiece(
    documents: Iterable[Sequence[str]], settings: VocabularySettings
) -> NewVocabulary:
    """Train a WordPiece vocabulary.

    Returns:
        The vocabulary, with the counts `alphabet` (characters with an entry) and
        `rare_characters` (characters without).
    """
    normalizer = make_normalizer(settings)
    words = count_words(documents, normalizer)
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
    rest = iter(documents)
    while batch := list(itertools.islice(rest, BATCH_DOCUMENTS)):
        sentences = pa.array(itertools.chain.from_iterable(batch), pa.large_string())
        encoded = divide_at_punctuation(sentences)[0].dictionary_encode()
        distinct = encoded.dictionary.to_pylist()
        numbers = np.bincount(encoded.indices.to_numpy(), minlength=len(distinct))
        chunks.update(dict(zip(distinct, numbers.tolist(), strict=True)))
        if len(chunks) > KEPT_CHUNKS:
            _divide(chunks, normalizer, words)
    _divide(chunks, normalizer, words)
    return words


def _divide(chunks: Counter[str], normalizer: Any, words: Counter[str]) -> None:
    """Move the counts of chunks to those of their words."""
    divider = pre_tokenizers.BertPreTokenizer()
    for chunk, number in chunks.items():
        for word, _ in divider.pre_tokenize_str(normalizer.normalize_str(chunk)):
            words[word] += number
    chunks.clear()


def _repeat(words: Counter[str]) -> Iterator[str]:
    """Yield texts with each word as often as it occurs; the library counts words only itself."""
    for word, number in words.items():
        for begin in range(0, number, REPEATED_AT_ONCE):
            yield f"{word} " * min(number - begin, REPEATED_AT_ONCE)


def list_entries(alphabet: Sequence[str], split_cjk: bool = True) -> list[str]:
    """Return the entries for characters: each alone, and after `##` if it can continue a word."""
    return [*alphabet, *(CONTINUATION + c for c in alphabet if _can_continue(c, split_cjk))]


def _can_continue(character: str, split_cjk: bool) -> bool:
    """Return whether the pre-tokenizer keeps the character within a word."""
    bert = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=split_cjk)
    spaced = bert.normalize_str("a" + character)
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(spaced)) == 1
