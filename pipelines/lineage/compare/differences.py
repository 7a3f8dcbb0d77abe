"""Hold the differences between two runs, and find those of their documents in constant memory."""

import heapq
import itertools
import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from components.records import read_records
from components.text_example_gen.documents import Document, decode_sentences
from core.file_names import TEXT_FILES
from core.manifest import Manifest

MAX_NAMED = 20  # ids and files listed per kind; all documents are counted

Entry = TypeVar("Entry", str, tuple[str, str])


@dataclass(frozen=True, kw_only=True)
class CorpusChange:
    """How the documents of two runs differ."""

    before: int  # documents
    after: int
    added: int
    removed: int
    added_ids: tuple[str, ...]  # the first `MAX_NAMED`
    removed_ids: tuple[str, ...]
    files: tuple[str, ...] = ()  # the first `MAX_NAMED` that differ, for example "a.txt changed"


def compare_documents(before: tuple[Path, Manifest], after: tuple[Path, Manifest]) -> CorpusChange:
    """Compare two documents artifacts by merging their document ids, which are sorted per split.

    Raises:
        RecordError: a shard is damaged.
        OSError: a shard is missing.
    """
    counts = [0, 0]
    surplus_ids: tuple[list[str], list[str]] = ([], [])
    surplus_counts = [0, 0]
    for document_id, sides in _matched(document_ids(*before), document_ids(*after)):
        for side in (0, 1):
            counts[side] += sides[side]
        surplus = sides[1] - sides[0]
        if surplus:
            side = int(surplus > 0)
            surplus_counts[side] += abs(surplus)
            if len(surplus_ids[side]) < MAX_NAMED:
                surplus_ids[side].append(document_id)
    return CorpusChange(
        before=counts[0], after=counts[1], removed=surplus_counts[0], added=surplus_counts[1],
        removed_ids=tuple(surplus_ids[0]), added_ids=tuple(surplus_ids[1]),
        files=compare_files(before[0], after[0]),
    )  # fmt: skip


def compare_files(before: Path, after: Path) -> tuple[str, ...]:
    """Return the first text files that were added, removed or changed."""
    changes: dict[str, str] = {}
    for (name, _), sides in _matched(text_files(before), text_files(after)):
        if sides[0] != sides[1]:
            change = "changed" if name in changes else "removed" if sides[0] else "added"
            changes[name] = f"{name} {change}"
        if len(changes) > MAX_NAMED:  # one more, because the next entry may complete the last one
            break
    return tuple(list(changes.values())[:MAX_NAMED])


def text_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and sha256 of each text file of a documents artifact, sorted by name."""
    if not (folder / TEXT_FILES).is_file():
        return
    with (folder / TEXT_FILES).open(encoding="utf-8") as lines:
        for line in lines:
            file = json.loads(line)
            yield str(file["name"]), str(file["sha256"])


def document_ids(folder: Path, manifest: Manifest) -> Iterator[str]:
    """Yield the ids of all documents in order, recomputed from their sentences."""

    def of_split(split: str) -> Iterator[str]:
        for shard in manifest.shards[split]:
            for record in read_records(str(folder / shard.path)):
                yield Document(tuple(decode_sentences(record))).document_id

    return heapq.merge(*map(of_split, manifest.shards))


def _matched(
    before: Iterator[Entry], after: Iterator[Entry]
) -> Iterator[tuple[Entry, tuple[int, int]]]:
    """Yield each entry of two sorted lists once, with its number of occurrences in each."""
    tagged = heapq.merge(((i, 0) for i in before), ((i, 1) for i in after))
    for entry, group in itertools.groupby(tagged, key=lambda pair: pair[0]):
        sides = [side for _, side in group]
        yield entry, (sides.count(0), sides.count(1))


@dataclass(frozen=True)
class Change:
    """One value that differs. None stands for a value that a side does not have."""

    name: str
    before: Any
    after: Any


Changes = tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences between two runs, by part. A part without differences is empty."""

    before: str  # run ids
    after: str
    endings: tuple[str, str]  # for example "succeeded" or "failed at Trainer"
    settings: Changes  # by the recipe's keys
    places: Changes  # folders that were read and written
    same_text: bool
    corpus: CorpusChange | None
    vocabulary: Changes
    code: Changes  # digests by node
    commits: Changes  # by node
    versions: Changes
    machine: Changes  # hardware and container image
    metrics: Changes
    model: Changes
    missing: tuple[tuple[str, str], ...]  # node, and the run that did not reach it
    same_model: bool
    sentence: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values, the sentence first."""
        content = asdict(self)
        return {"sentence": content.pop("sentence"), **content}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return the values that differ, in order of their names."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
