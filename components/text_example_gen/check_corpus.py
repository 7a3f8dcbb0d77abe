"""Refuse a corpus that changed, has too many bad lines, or leaves a split empty."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.text_example_gen.quality.filter_documents import count_filters
from components.text_example_gen.reading.check_text import explain_blank
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_sources import Patterns, find_sources
from components.text_example_gen.reading.fingerprint import PREFIX
from components.text_example_gen.reading.read_documents import (
    BAD_LINES,
    DocumentReader,
    document_end,
)
from components.text_example_gen.splits import SPLIT_BUCKETS, SPLITS, choose_split, split_bucket
from components.text_settings import TextSettings
from core import storage
from core.wording import name_counter

# Text that may have no held-out document: little of it is held out. It is read in half a second.
SMALL_BYTES, HELD_OUT_BYTES = 4 << 20, 100_000


@dataclass(frozen=True)
class TextSource:
    """Says where the text is and which of it to read."""

    root: str
    patterns: Patterns
    fingerprint: str  # the driver's; compared with the text read if our own driver made it
    span: int


def check_corpus(
    source: TextSource,
    settings: TextSettings,
    parts: Sequence[Mapping[str, Any]],
    counts: Counter[str],
    digest: str,
) -> None:
    """Check the text after it was read and before documents are written.

    `parts` hold the `first_bad_line` and `buckets` of each part of the text (see `read_unit`).

    Raises:
        CorpusError: the text changed since its fingerprint, has too many bad lines, has no
            sentence, filters reject all documents, or all documents fall into one split.
    """
    if source.fingerprint.startswith(PREFIX):
        check_unchanged(source, digest)
    _check_bad_lines(settings, parts, counts)
    lowest = min(part["buckets"][0] for part in parts)
    highest = max(part["buckets"][1] for part in parts)
    if highest < 0 and (filtered := sum(counts[name] for name in count_filters(settings))):
        raise CorpusError(
            f"The filters reject all {filtered:,} documents ({_name_filters(settings, counts)}). "
            f"Change text.filters or text.drop_boilerplate_lines, or give other text."
        )
    if highest < 0:
        raise CorpusError(explain_blank(source.root, counts["files"]))
    _check_splits(settings, lowest, highest, has_records=bool(counts["records"]))


def check_small_text(root: str, patterns: Patterns, settings: TextSettings) -> None:
    """Read text that is so small that a split may be empty, before the run does.

    Reading ends as soon as both splits have a document. Filters, duplicates and weights, which may
    leave out documents, are ignored.

    Raises:
        CorpusError: all documents fall into one split, or as `DocumentReader.read`.
    """
    if storage.is_remote(root) or settings.drop_boilerplate_lines:  # which changes every id
        return
    files = find_sources(root, patterns)
    size = sum(file.size_bytes for file in files)
    if size > SMALL_BYTES or size * settings.eval_fraction > HELD_OUT_BYTES:
        return
    lowest, highest, size = SPLIT_BUCKETS, -1, 0
    has_records = False
    for file in files:
        reader = DocumentReader(settings.for_source(file.source))
        for document in reader.read(file):
            bucket = split_bucket(document.document_id)
            lowest, highest = min(lowest, bucket), max(highest, bucket)
            size += len(document.content)
            if size > SMALL_BYTES or _only_split(settings, lowest, highest) is None:
                return  # compressed text is larger than its files
        has_records |= bool(reader.counts["records"])
    if highest >= 0:
        _check_splits(settings, lowest, highest, has_records=has_records)


def _check_splits(settings: TextSettings, lowest: int, highest: int, *, has_records: bool) -> None:
    if (only := _only_split(settings, lowest, highest)) is not None:
        end = document_end(settings, "jsonl" if has_records else settings.plain_form)
        raise CorpusError(_explain_empty_split(settings, end, lowest, highest, SPLITS[1 - only]))


def _only_split(settings: TextSettings, lowest: int, highest: int) -> int | None:
    """Return the split of all documents, given their lowest and highest bucket; or None."""
    only = choose_split(lowest, settings.eval_fraction)
    return only if only == choose_split(highest, settings.eval_fraction) else None


def check_unchanged(source: TextSource, digest: str) -> None:
    """Compare the text's digest with the driver's.

    Raises:
        CorpusError: they differ.
    """
    if source.fingerprint != digest:
        raise CorpusError(
            f"{escape_path(source.root)}: the text changed after its fingerprint was taken. Run "
            f"again when no program writes to it."
        )


def _check_bad_lines(
    settings: TextSettings, parts: Sequence[Mapping[str, Any]], counts: Counter[str]
) -> None:
    bad = sum(counts[counter] for counter in BAD_LINES)
    if bad > settings.max_bad_fraction * counts["lines"]:
        first = next(part["first_bad_line"] for part in parts if part["first_bad_line"])
        raise CorpusError(
            f"{bad:,} of {counts['lines']:,} lines are bad, more than text.max_bad_fraction "
            f"({settings.max_bad_fraction:g}) allows. The first: {first}"
        )


def _name_filters(settings: TextSettings, counts: Counter[str]) -> str:
    used = (name for name in count_filters(settings) if counts[name])
    return ", ".join(f"{counts[name]:,} {name_counter(name)}" for name in used)


def _explain_empty_split(
    settings: TextSettings, end: str, lowest: int, highest: int, empty: str
) -> str:
    """Return the message for a corpus whose documents all fall into one split."""
    ends = {"file": "a file", "blank_line": "a blank line", "two_blank_lines": "two blank lines"}
    remedy = f"Give more documents{' or set text.document_end to blank_line' * (end == 'file')}"
    if end != "file":
        remedy += f", with {ends[end]} between them"
    if lowest != highest:
        buckets = SPLIT_BUCKETS - highest if empty == "eval" else SPLIT_BUCKETS - lowest - 1
        direction = "more" if empty == "eval" else "less"
        remedy += f", or set text.eval_fraction to {buckets / SPLIT_BUCKETS:g} or {direction}"
    return (
        f"No document falls into the {empty} split (text.eval_fraction "
        f"{settings.eval_fraction:g}); a document ends with {ends[end]} (text.document_end: "
        f"{end}). {remedy}."
    )
