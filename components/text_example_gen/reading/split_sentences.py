"""Split prose into sentences: join lines into paragraphs, then cut paragraphs into sentences."""

import itertools
import re
from collections.abc import Iterable, Iterator

PIECE_CHARACTERS = 1 << 16  # a longer paragraph is cut piece by piece
# Scripts without spaces between words, where a line end within a paragraph is not a space.
_UNSPACED = re.compile("[\u3000-\u303f\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\uff01-\uff60]")


class ProseSplitter:
    """Splits prose by the rules of one language."""

    def __init__(self, language: str, max_sentence_characters: int) -> None:
        """Take the language (ISO 639-1), and the length at which text without an end is cut."""
        self._language = language
        self._max_characters = max_sentence_characters

    def split(self, lines: Iterable[str]) -> Iterator[str]:
        """Yield the sentences of the lines.

        A blank line ends a paragraph and its last sentence; it is yielded as "". Any other line
        end becomes a space, or nothing between two characters of a script without spaces.
        """
        paragraph: list[str] = []
        size, limit = 0, PIECE_CHARACTERS
        for line in lines:
            if not line:
                yield from self._cut(_join(paragraph))
                yield ""
                paragraph, size, limit = [], 0, PIECE_CHARACTERS
                continue
            paragraph.append(line)
            size += len(line)
            if size > limit:
                *whole, tail = self._cut(_join(paragraph)) or [""]
                if len(tail) > self._max_characters:
                    whole, tail = [*whole, tail], ""
                yield from whole
                paragraph, size = ([tail], len(tail)) if tail else ([], 0)
                limit = max(PIECE_CHARACTERS, 2 * size)  # bounds how often a tail is cut again
        yield from self._cut(_join(paragraph))

    def _cut(self, paragraph: str) -> list[str]:
        if not paragraph:
            return []
        import sentencex

        sentences = (s.strip() for s in sentencex.segment(self._language, paragraph))
        return [sentence for sentence in sentences if sentence]


def _join(lines: list[str]) -> str:
    if not lines:
        return ""
    parts = [lines[0]]
    for left, right in itertools.pairwise(lines):
        is_unspaced = _UNSPACED.match(left[-1]) and _UNSPACED.match(right[0])
        parts += ["" if is_unspaced else " ", right]
    return "".join(parts)
