"""Text to a SentencePiece unigram model: the same bytes for the same text, on any machine."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from tokenizers import Tokenizer

from components.vocabulary_gen.spiece_model import spiece_model, unigram_tokenizer
from components.vocabulary_gen.training.charsmap import normalizer_spec
from components.vocabulary_gen.training.train_wordpiece import ALPHABET_COVERAGE, ALPHABET_SHARE
from core.vocabulary.tokenizer_file import VocabularyError
from core.vocabulary.unigram import PIECE_SPECIALS, WORD_BEGIN, read_pieces

THREADS = 4  # always: each sums what it expects, and the order of the sums is in the bytes
MAX_WORD_BYTES = 4096  # SentencePiece's; a longer word is no word
# Sums of such scores are exact, in float32 as in float64, so that every library that looks for the
# best cut of a word finds the same one; and nothing is lost by a step of 0.4 %.
SCORE_STEP = 2.0**-8
RESERVED = "\u2585"  # SentencePiece's own sign for the unknown; words with it are left out


def train_unigram(
    documents: Iterable[Sequence[str]], *, size: int, normalizer: Any
) -> tuple[Tokenizer, bytes, Counter[str]]:
    """Trains a unigram model (Kudo 2018).

    It learns from the words and how often each occurs, in the order of the words, so that the
    order of the text counts for nothing. Memory holds each distinct word once.

    Args:
        documents: the sentences of each; read once.
        size: pieces that are asked for, specials among them.
        normalizer: of the text.

    Returns:
        The tokenizer, spiece.model with the same ids, and counts: `alphabet` (characters with a
        piece), `rare_characters` (without), and the words that it did not learn from: `rare_words`
        (with a rare character) and `skipped_words` (too long, or with a reserved character).

    Raises:
        VocabularyError: the text gives no pieces.
    """
    words = count_words(documents, normalizer)
    counts = Counter(skipped_words=_drop(words, _is_unusable))
    characters = _count_characters(words)
    alphabet = choose_alphabet(characters, size)
    counts["rare_words"] = _drop(words, lambda word: not alphabet.issuperset(word))
    pieces = _train(words, size)
    counts["alphabet"] = sum(piece in characters for piece, _ in pieces)
    counts["rare_characters"] = len(characters) - counts["alphabet"]
    specials = set(range(len(PIECE_SPECIALS)))
    model = spiece_model(pieces, specials, 1, normalizer_spec(normalizer))
    return unigram_tokenizer(pieces, normalizer, "first"), model, counts


def count_words(documents: Iterable[Sequence[str]], normalizer: Any) -> Counter[str]:
    """How often each word of the normalised text occurs; spaces part words."""
    words: Counter[str] = Counter()
    for sentences in documents:
        text = normalizer.normalize_str("\n".join(sentences))
        words.update(text.replace(WORD_BEGIN, " ").split())
    return words


def choose_alphabet(characters: Counter[str], size: int) -> set[str]:
    """The characters that get a piece: the frequent ones.

    As many as cover the text but for one character in ten thousand, and leave room for words.
    """
    room = int(ALPHABET_SHARE * size) - len(PIECE_SPECIALS)
    left = ALPHABET_COVERAGE * sum(characters.values())
    alphabet = set()
    for character in sorted(characters, key=lambda c: (-characters[c], c))[:room]:
        if left <= 0:
            break
        left -= characters[character]
        alphabet.add(character)
    return alphabet


def _is_unusable(word: str) -> bool:
    return len(word.encode()) > MAX_WORD_BYTES or RESERVED in word


def _drop(words: Counter[str], is_left_out: Callable[[str], bool]) -> int:
    return sum(words.pop(word) for word in [w for w in words if is_left_out(w)])


def _count_characters(words: Counter[str]) -> Counter[str]:
    characters: Counter[str] = Counter({WORD_BEGIN: sum(words.values())})
    for word, n in words.items():
        for character in word:
            characters[character] += n
    return characters


def _train(words: Counter[str], size: int) -> list[tuple[str, float]]:
    """The pieces and their scores; fewer than `size` where the text supports no more."""
    from sentencepiece import SentencePieceTrainer

    content = io.BytesIO()
    try:
        SentencePieceTrainer.train(
            sentence_iterator=(f"{word}\t{words[word]}" for word in sorted(words)),
            input_format="tsv",
            model_writer=content,
            model_type="unigram",
            vocab_size=size,
            hard_vocab_limit=False,
            character_coverage=1.0,  # the words hold no other characters
            max_sentence_length=2 * MAX_WORD_BYTES,
            shuffle_input_sentence=False,
            normalization_rule_name="identity",  # the words are normalised already
            num_threads=THREADS,
            pad_id=0,
            unk_id=1,
            bos_id=-1,
            eos_id=-1,
            pad_piece=PIECE_SPECIALS[0],
            unk_piece=PIECE_SPECIALS[1],
            control_symbols=list(PIECE_SPECIALS[2:]),
            minloglevel=2,
        )
    except (RuntimeError, ValueError) as error:
        raise VocabularyError(
            f"SentencePiece cannot train {size:,} pieces on {len(words):,} words ({error}). Give "
            f"more text, or another vocabulary.size."
        ) from error
    pieces = read_pieces(content.getvalue(), "spiece.model")
    return [(piece, round(score / SCORE_STEP) * SCORE_STEP) for piece, score in pieces]
