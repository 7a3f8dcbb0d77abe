"""Judge documents by Gopher's rules (Rae et al. 2021, table A1), with datatrove's definitions.

A line is a sentence here, and a token a word or a sign. Rules about paragraphs are left out,
because documents have none. `make datatrove` compares the decisions with datatrove's own.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence

WORD = re.compile(r"\w+(?:['’]\w+)*")
WORD_OR_SIGN = re.compile(rf"{WORD.pattern}|[^\w\s]")
MIN_WORDS, MAX_WORDS = 50, 100_000
MIN_WORD_LENGTH, MAX_WORD_LENGTH = 3, 10  # characters, on average
MAX_SYMBOLS_PER_TOKEN = 0.1
MAX_BULLET_LINES, MAX_ELLIPSIS_LINES = 0.9, 0.3
MIN_ALPHABETIC_TOKENS = 0.8
ENGLISH_STOP_WORDS = frozenset({"the", "be", "to", "of", "and", "that", "have", "with"})
MIN_STOP_WORDS = 2
MAX_REPEATED_LINES = 0.3
MAX_REPEATED_LINE_CHARACTERS = 0.2
# By number of words: the share of characters in the most frequent phrase of so many words, and in
# all phrases that repeat an earlier one.
MAX_TOP_PHRASE = {2: 0.2, 3: 0.18, 4: 0.16}
MAX_REPEATED_PHRASES = {5: 0.15, 6: 0.14, 7: 0.13, 8: 0.12, 9: 0.11, 10: 0.1}


def find_quality_fault(sentences: Sequence[str], language: str) -> str | None:
    """Return the counter of the first quality rule that a document breaks, or None.

    Stop words are looked for in English only.
    """
    return next(_find_quality_faults(sentences, language), None)


def find_repetition(sentences: Sequence[str]) -> str | None:
    """Return the counter of the first repetition rule that a document breaks, or None.

    A phrase that occurs once is no repetition, however short the document.
    """
    return next(_find_repetitions(sentences), None)


def _find_quality_faults(sentences: Sequence[str], language: str) -> Iterator[str]:
    text = "\n".join(sentences)
    tokens = WORD_OR_SIGN.findall(text)
    words = [token for token in tokens if any(map(str.isalnum, token))]
    if len(words) < MIN_WORDS:
        yield "filtered_short"
    if len(words) > MAX_WORDS:
        yield "filtered_long"
    length = sum(map(len, words))
    if not MIN_WORD_LENGTH * len(words) <= length <= MAX_WORD_LENGTH * len(words):
        yield "filtered_word_length"
    ellipses = text.count("...") + text.count("…")
    if max(text.count("#"), ellipses) > MAX_SYMBOLS_PER_TOKEN * len(tokens):
        yield "filtered_symbols"
    if sum(map(_is_bullet, sentences)) > MAX_BULLET_LINES * len(sentences):
        yield "filtered_bullets"
    if sum(map(_ends_with_ellipsis, sentences)) > MAX_ELLIPSIS_LINES * len(sentences):
        yield "filtered_ellipses"
    if sum(map(_is_alphabetic, tokens)) < MIN_ALPHABETIC_TOKENS * len(tokens):
        yield "filtered_not_alphabetic"
    if language == "en" and len(ENGLISH_STOP_WORDS.intersection(words)) < MIN_STOP_WORDS:
        yield "filtered_stop_words"


def _find_repetitions(sentences: Sequence[str]) -> Iterator[str]:
    text = "\n".join(sentences)
    repeated = _find_repeated(sentences)
    if len(repeated) > MAX_REPEATED_LINES * len(sentences):
        yield "filtered_repeated_lines"
    if sum(map(len, repeated)) > MAX_REPEATED_LINE_CHARACTERS * len(text):
        yield "filtered_repeated_lines"
    words = WORD_OR_SIGN.findall(text)
    for size, share in MAX_TOP_PHRASE.items():
        if _count_top_phrase(words, size) > share * len(text):
            yield "filtered_repeated_phrases"
    for size, share in MAX_REPEATED_PHRASES.items():
        if _count_repeated_phrases(words, size) > share * len(text):
            yield "filtered_repeated_phrases"


def _is_bullet(line: str) -> bool:
    return line.lstrip().startswith(("•", "-"))


def _ends_with_ellipsis(line: str) -> bool:
    return line.rstrip().endswith(("...", "…"))


def _is_alphabetic(word: str) -> bool:
    return word.isalpha() or any(map(str.isalpha, word))


def _find_repeated(lines: Sequence[str]) -> list[str]:
    """Return the lines that an earlier line equals."""
    seen: set[str] = set()
    repeated = []
    for line in lines:
        if line in seen:
            repeated.append(line)
        seen.add(line)
    return repeated


def _count_top_phrase(words: Sequence[str], size: int) -> int:
    """Return the characters in the most frequent phrase of some words, with spaces."""
    phrases = Counter(zip(*(words[begin:] for begin in range(size)), strict=False))
    (phrase, count), *_ = phrases.most_common(1) or [((), 0)]
    return count * len(" ".join(phrase)) if count > 1 else 0


def _count_repeated_phrases(words: Sequence[str], size: int) -> int:
    """Return the characters of phrases that repeat an earlier one, none of them twice."""
    seen: set[tuple[str, ...]] = set()
    characters = begin = 0
    while begin + size <= len(words):
        phrase = tuple(words[begin : begin + size])
        if phrase in seen:
            characters += sum(map(len, phrase))
            begin += size
        else:
            seen.add(phrase)
            begin += 1
    return characters
