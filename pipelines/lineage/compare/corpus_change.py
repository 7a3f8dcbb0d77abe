"""Two documents artifacts to the documents that were added and removed, in flat memory."""

import hashlib
import heapq
import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from components.records import read_records
from components.text_example_gen.documents.document_record import decode_sentences
from core.manifest import Manifest

MOST_NAMED = 20  # ids and files that are told of each kind; all documents are counted
FILES = "files.jsonl"  # components.text_example_gen.write_documents: name and sha256 of each file


Entry = TypeVar("Entry", str, tuple[str, str])


@dataclass(frozen=True, kw_only=True)
class CorpusChange:
    """How the documents of two runs differ."""

    before: int  # documents
    after: int
    added: int
    removed: int
    added_ids: tuple[str, ...]  # the first `MOST_NAMED`
    removed_ids: tuple[str, ...]
    files: tuple[str, ...] = ()  # the first `MOST_NAMED` text files that differ, as "a.txt changed"


def compare_documents(before: tuple[Path, Manifest], after: tuple[Path, Manifest]) -> CorpusChange:
    """Merges the documents' ids, which are in order in every split.

    Args:
        before: folder and manifest of one documents artifact.
        after: of the other.

    Raises:
        RecordError: a shard is damaged.
        OSError: a shard is gone.
    """
    counts = [0, 0]
    only: tuple[list[str], list[str]] = ([], [])
    lone = [0, 0]
    for document_id, sides in _matched(document_ids(*before), document_ids(*after)):
        for side in (0, 1):
            counts[side] += sides[side]
        surplus = sides[1] - sides[0]
        if surplus:
            side = int(surplus > 0)
            lone[side] += abs(surplus)
            only[side].extend([document_id] * (len(only[side]) < MOST_NAMED))
    return CorpusChange(
        before=counts[0], after=counts[1], removed=lone[0], added=lone[1],
        removed_ids=tuple(only[0]), added_ids=tuple(only[1]),
        files=compare_files(before[0], after[0]),
    )  # fmt: skip


def compare_files(before: Path, after: Path) -> tuple[str, ...]:
    """The first text files that were added, removed or changed between two documents artifacts."""
    told: dict[str, str] = {}
    for (name, _), sides in _matched(text_files(before), text_files(after)):
        if sides[0] != sides[1]:
            word = "changed" if name in told else "removed" if sides[0] else "added"
            told[name] = f"{name} {word}"
        if len(told) > MOST_NAMED:  # the last one may go on
            break
    return tuple(list(told.values())[:MOST_NAMED])


def text_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Name and sha256 of each text file of a documents artifact, by name."""
    if not (folder / FILES).is_file():
        return
    with (folder / FILES).open(encoding="utf-8") as lines:
        for line in lines:
            file = json.loads(line)
            yield str(file["name"]), str(file["sha256"])


def document_ids(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The ids of all documents in order, computed anew from their sentences."""

    def of_split(split: str) -> Iterator[str]:
        for shard in manifest.shards[split]:
            for record in read_records(str(folder / shard.path)):
                content = "\n".join(decode_sentences(record)).encode()
                yield hashlib.sha256(content).hexdigest()[:32]

    return heapq.merge(*map(of_split, manifest.shards))


def _matched(
    before: Iterator[Entry], after: Iterator[Entry]
) -> Iterator[tuple[Entry, tuple[int, int]]]:
    """Each entry of two sorted lists once, with how often it is in either."""
    tagged = heapq.merge(((i, 0) for i in before), ((i, 1) for i in after))
    for entry, group in itertools.groupby(tagged, key=lambda pair: pair[0]):
        sides = [side for _, side in group]
        yield entry, (sides.count(0), sides.count(1))
