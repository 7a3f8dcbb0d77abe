"""Train a WordPiece vocabulary: the same text gives the same bytes on any machine."""

import itertools
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from components.settings import VocabularySettings
from components.vocabulary_gen.training.alphabet import choose_alphabet
from components.vocabulary_gen.writing.build_tokenizer import (
    CONTINUATION,
    make_normalizer,
    wordpiece_tokenizer,
)
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary
from core.vocabulary.wordpiece import SPECIALS

ASCII_CODES, UNICODE_CODES = 128, 0x110000
BATCH_DOCUMENTS = 256


def train_wordpiece(
    documents: Iterable[Sequence[str]], settings: VocabularySettings
) -> NewVocabulary:
    """Train a WordPiece vocabulary.

    Returns:
        The vocabulary, with the counts `alphabet` (characters with an entry) and
        `rare_characters` (characters without).
    """
    normalizer = make_normalizer(settings)
    counts = count_characters(documents, normalizer)
    alphabet = choose_alphabet(
        counts, settings.size, lambda c: len(list_entries([c], settings.splits_cjk))
    )
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIALS[1]))
    tokenizer.normalizer = normalizer
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
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
    tokenizer.train_from_iterator(documents, trainer)
    return NewVocabulary(
        "wordpiece",
        wordpiece_tokenizer(tokenizer.get_vocab(), normalizer),
        counts=Counter(alphabet=len(alphabet), rare_characters=len(counts) - len(alphabet)),
    )


def count_characters(documents: Iterable[Sequence[str]], normalizer: Any) -> Counter[str]:
    """Count the characters of the normalized text, except white space.

    ASCII text is counted before it is normalized, which changes each of its characters alone.
    """
    ascii_counts = np.zeros(ASCII_CODES, np.int64)
    counts = np.zeros(UNICODE_CODES, np.int64)
    rest = iter(documents)
    while batch := list(itertools.islice(rest, BATCH_DOCUMENTS)):
        sentences = [sentence for document in batch for sentence in document]
        plain = "".join(sentence for sentence in sentences if sentence.isascii())
        ascii_counts += np.bincount(np.frombuffer(plain.encode(), np.uint8), minlength=ASCII_CODES)
        others = "\n".join(sentence for sentence in sentences if not sentence.isascii())
        codes = np.frombuffer(normalizer.normalize_str(others).encode("utf-32-le"), "<u4")
        counts += np.bincount(codes, minlength=UNICODE_CODES)
    for code in np.flatnonzero(ascii_counts).tolist():
        for character in normalizer.normalize_str(chr(code)):
            counts[ord(character)] += ascii_counts[code]
    characters = {chr(code): int(counts[code]) for code in np.flatnonzero(counts).tolist()}
    return Counter({c: n for c, n in characters.items() if not c.isspace()})


def list_entries(alphabet: Sequence[str], split_cjk: bool = True) -> list[str]:
    """Return the entries for characters: each alone, and after `##` if it can continue a word."""
    return [*alphabet, *(CONTINUATION + c for c in alphabet if _can_continue(c, split_cjk))]


def _can_continue(character: str, split_cjk: bool) -> bool:
    """Return whether the pre-tokenizer keeps the character within a word."""
    bert = normalizers.BertNormalizer(lowercase=False, handle_chinese_chars=split_cjk)
    spaced = bert.normalize_str("a" + character)
    return len(pre_tokenizers.BertPreTokenizer().pre_tokenize_str(spaced)) == 1
