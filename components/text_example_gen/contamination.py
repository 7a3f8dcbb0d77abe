"""Find documents that contain the held-out texts of downstream tasks.

A model that was trained on a task's held-out texts is scored on what it has seen. As usual
(Brown et al. 2020, appendix C), a document is contaminated if it shares a run of several words with
such a text, in lower case and without punctuation.
"""

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from components.downstream_evaluator.read_table import read_table
from components.text_example_gen.documents import Document
from core.settings import Settings

CONTAMINATED = "contaminated_documents"  # a counter
_WORD = re.compile(r"\w+")


class HeldOutFile(Settings):
    """A file of held-out texts."""

    eval: str
    """Path of the file."""
    columns: tuple[str, ...]
    """Its columns of text."""


class HeldOutTexts(Settings):
    """Where the held-out texts are, and what makes a document contaminated."""

    files: tuple[HeldOutFile, ...]
    """The files."""
    digest: str
    """Digest of the content of the files, for the cache key."""
    ngram: int
    """Words in a row that a document shares with a text."""
    drop: bool
    """Whether contaminated documents are dropped."""


class Contamination:
    """The runs of words of all held-out texts."""

    def __init__(self, texts: HeldOutTexts) -> None:
        self._size = texts.ngram
        self.drop = texts.drop
        self._runs: set[str] = set()
        for file in texts.files:
            for row in read_table(file.eval, file.columns):
                for column in file.columns:
                    words = _words([_as_text(row.values[column])])
                    self._runs.update(self._run(words, n) for n in self._starts(words))
        # Most runs of a document are ruled out by their first and last word.
        self._ends = {(run.partition(" ")[0], run.rpartition(" ")[2]) for run in self._runs}

    def holds(self, sentences: Sequence[str]) -> bool:
        """Return whether a document is contaminated."""
        words, last = _words(sentences), self._size - 1
        return any(
            (words[n], words[n + last]) in self._ends and self._run(words, n) in self._runs
            for n in self._starts(words)
        )

    def _starts(self, words: Sequence[str]) -> range:
        return range(len(words) - self._size + 1)

    def _run(self, words: Sequence[str], start: int) -> str:
        return " ".join(words[start : start + self._size])


def compare_with_tasks(
    documents: Iterator[Document], held_out: str, counts: Counter[str]
) -> Iterator[Document]:
    """Yield documents, count the contaminated ones, and leave them out if asked.

    `held_out` is the JSON of HeldOutTexts; if it is empty, all documents are yielded.
    """
    contamination = _read_contamination(held_out) if held_out else None
    for document in documents:
        if contamination and contamination.holds(document.sentences):
            counts[CONTAMINATED] += 1
            if contamination.drop:
                continue
        yield document


@functools.lru_cache(maxsize=1)
def _read_contamination(held_out: str) -> Contamination:
    return Contamination(HeldOutTexts.model_validate_json(held_out))


def _as_text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)


def _words(sentences: Sequence[str]) -> list[str]:
    return [word for sentence in sentences for word in _WORD.findall(sentence.lower())]
