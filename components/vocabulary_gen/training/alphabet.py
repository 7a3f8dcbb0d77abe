"""Choose the characters that get an entry of their own in a trained vocabulary."""

from collections import Counter
from collections.abc import Callable

MAX_SHARE = 0.75  # of the entries, for single characters; the rest are longer pieces
COVERAGE = 0.9999  # of the text's characters; the others make about 0.05 % of words unknown
NUM_SPECIALS = 5


def count_characters(words: Counter[str]) -> Counter[str]:
    """Count the characters of words that occur so often."""
    characters: Counter[str] = Counter()
    for word, number in words.items():
        for character in word:
            characters[character] += number
    return characters


def choose_alphabet(
    counts: Counter[str], size: int, num_entries: Callable[[str], int] = lambda character: 1
) -> list[str]:
    """Return the most frequent characters, sorted.

    As many as cover all but one in ten thousand characters of the text and leave room for longer
    pieces. A character without an entry makes its whole word unknown; an entry for a character
    that hardly ever occurs is wasted.

    `num_entries` tells how many entries a character needs.
    """
    room = int(MAX_SHARE * size) - NUM_SPECIALS
    to_cover = COVERAGE * sum(counts.values())
    alphabet = []
    for character in sorted(counts, key=lambda c: (-counts[c], c)):
        room -= num_entries(character)
        if room < 0 or to_cover <= 0:
            break
        to_cover -= counts[character]
        alphabet.append(character)
    return sorted(alphabet)
