"""What was read, to the errors that no later step could mend."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.settings import TextSettings
from components.text_example_gen.documents.choose_split import HASH_BUCKETS, SPLITS, choose_split
from components.text_example_gen.errors import CorpusError, shown
from components.text_example_gen.reading.fingerprint import PREFIX
from core.wording import plural


@dataclass(frozen=True)
class Corpus:
    """What is read."""

    root: str
    patterns: tuple[str, ...]
    fingerprint: str  # the driver's; compared with what is read if it is one of ours
    span: int


def check_corpus(
    corpus: Corpus,
    settings: TextSettings,
    parts: Sequence[Mapping[str, Any]],
    counts: Counter[str],
    digest: str,
) -> None:
    """Refuses a corpus that changed, has too many bad lines, or leaves a split empty.

    Args:
        corpus: where it lies.
        settings: how it was read.
        parts: `first_bad_line` and `buckets` of each part of it (see `read_unit`).
        counts: over all of it.
        digest: of what was read.

    Raises:
        CorpusError: so it is.
    """
    if corpus.fingerprint.startswith(PREFIX) and corpus.fingerprint != digest:
        raise CorpusError(
            f"{shown(corpus.root)}: the text changed between its fingerprint and its reading. Run "
            f"again when nothing writes to it."
        )
    bad = counts["bad_encoding"] + counts["long_line"]
    if bad > settings.max_bad_fraction * counts["lines"]:
        first = next(part["first_bad_line"] for part in parts if part["first_bad_line"])
        raise CorpusError(
            f"{bad:,} of {counts['lines']:,} lines are bad, more than text.max_bad_fraction "
            f"({settings.max_bad_fraction:g}) allows. The first: {first}"
        )
    lowest = min(part["buckets"][0] for part in parts)
    highest = max(part["buckets"][1] for part in parts)
    if highest < 0:
        raise CorpusError(
            f"{shown(corpus.root)}: {plural(counts['files'], 'file', 'files')} and no sentence in "
            f"them. Give text that is not blank."
        )
    if choose_split(lowest, settings.eval_fraction) == choose_split(
        highest, settings.eval_fraction
    ):
        raise CorpusError(_one_split(settings, lowest, highest))


def _one_split(settings: TextSettings, lowest: int, highest: int) -> str:
    """The message for a corpus whose documents all fall into one split."""
    end = settings.document_end or ("blank_line" if settings.form == "lines" else "file")
    ends = {"file": "a file", "blank_line": "a blank line", "two_blank_lines": "two blank lines"}
    empty = SPLITS[1 - choose_split(lowest, settings.eval_fraction)]
    remedy = "Give more documents"
    if lowest != highest:
        share = (HASH_BUCKETS - highest) / HASH_BUCKETS
        share = share if empty == "eval" else (HASH_BUCKETS - lowest - 1) / HASH_BUCKETS
        more = "or more" if empty == "eval" else "or less"
        remedy += f", or set text.eval_fraction to {share:g} {more}"
    return (
        f"No document falls into the {empty} split (text.eval_fraction "
        f"{settings.eval_fraction:g}); a document ends with {ends[end]} (text.document_end: "
        f"{end}). {remedy}."
    )
