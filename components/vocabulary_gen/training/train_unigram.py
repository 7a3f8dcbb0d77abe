"""Train a SentencePiece unigram model: the same text gives the same bytes on any machine."""

import io
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from components.settings import VocabularySettings
from components.vocabulary_gen.training.alphabet import choose_alphabet, count_characters
from components.vocabulary_gen.writing.build_tokenizer import make_normalizer, unigram_tokenizer
from components.vocabulary_gen.writing.spiece_model import normalizer_spec, spiece_model
from components.vocabulary_gen.writing.write_vocabulary import NewVocabulary
from core.vocabulary.tokenizer_file import VocabularyError
from core.vocabulary.unigram import PIECE_SPECIALS, WORD_BEGIN, read_pieces

THREADS = 4  # fixed: each thread sums expectations, and the order of the sums changes the bytes
MAX_WORD_BYTES = 4096  # SentencePiece skips longer words
# Sums of scores that are multiples of this are exact in float32 and in float64, so every library
# finds the same best split of a word. Rounding to it changes a probability by at most 0.4 %.
SCORE_STEP = 2.0**-8
RESERVED = "\u2585"  # SentencePiece's own mark for unknown text; it skips words that contain it


def train_unigram(words: Counter[str], settings: VocabularySettings) -> NewVocabulary:
    """Train a unigram model (Kudo 2018) on the words of `count_words`; remove what it cannot use.

    It is trained on the sorted words and their frequencies, so the order of the text does not
    matter. Memory holds each distinct word once.

    Returns:
        The vocabulary, with the counts `alphabet` (characters with a piece), `rare_characters`
        (without), and the words that it was not trained on: `rare_words` (with a rare character)
        and `skipped_words` (too long, or with a reserved character).

    Raises:
        VocabularyError: the text gives no pieces.
    """
    normalizer = make_normalizer(settings)
    counts = Counter(skipped_words=_remove(words, _is_unusable))
    characters = count_characters(words) + Counter({WORD_BEGIN: words.total()})
    alphabet = set(choose_alphabet(characters, settings.size))
    counts["rare_words"] = _remove(words, lambda word: not alphabet.issuperset(word))
    pieces = _train(words, settings.size)
    counts["alphabet"] = sum(piece in characters for piece, _ in pieces)
    counts["rare_characters"] = len(characters) - counts["alphabet"]
    special_ids = set(range(len(PIECE_SPECIALS)))
    model = spiece_model(pieces, special_ids, 1, normalizer_spec(normalizer))
    tokenizer = unigram_tokenizer(pieces, normalizer, "first")
    return NewVocabulary("sentencepiece", tokenizer, model, counts)


def count_words(documents: Iterable[Sequence[str]], normalizer: Any) -> Counter[str]:
    """Count the words of the normalized text, which are separated by white space."""
    words: Counter[str] = Counter()
    for sentences in documents:
        text = normalizer.normalize_str("\n".join(sentences))
        words.update(text.replace(WORD_BEGIN, " ").split())
    return words


def _remove(words: Counter[str], is_excluded: Callable[[str], bool]) -> int:
    """Remove words and return how often they occur."""
    return sum(words.pop(word) for word in [w for w in words if is_excluded(w)])


def _is_unusable(word: str) -> bool:
    return len(word.encode()) > MAX_WORD_BYTES or RESERVED in word


def _train(words: Counter[str], size: int) -> list[tuple[str, float]]:
    """Return the pieces and their scores; fewer than `size` if the text has no more."""
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
            character_coverage=1.0,  # words with rare characters were removed already
            max_sentence_length=2 * MAX_WORD_BYTES,
            shuffle_input_sentence=False,
            normalization_rule_name="identity",  # the words are normalized already
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
            f"more text, or change vocabulary.size."
        ) from error
    pieces = read_pieces(content.getvalue(), "spiece.model")
    return [(piece, round(score / SCORE_STEP) * SCORE_STEP) for piece, score in pieces]
