"""Two documents artifacts to the documents that were added and removed, in flat memory."""

import hashlib
import heapq
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.records import read_records
from components.text_example_gen.document_record import decode_sentences
from trainer.manifest import Manifest

MOST_NAMED = 20  # ids that are told of each kind; all are counted


@dataclass(frozen=True, kw_only=True)
class CorpusChange:
    """How the documents of two runs differ."""

    before: int  # documents
    after: int
    added: int
    removed: int
    added_ids: tuple[str, ...]  # the first `MOST_NAMED`
    removed_ids: tuple[str, ...]


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
    )  # fmt: skip


def document_ids(folder: Path, manifest: Manifest) -> Iterator[str]:
    """The ids of all documents in order, computed anew from their sentences."""

    def of_split(split: str) -> Iterator[str]:
        for shard in manifest.shards[split]:
            for record in read_records(str(folder / shard.path)):
                content = "\n".join(decode_sentences(record)).encode()
                yield hashlib.sha256(content).hexdigest()[:32]

    return heapq.merge(*map(of_split, manifest.shards))


def _matched(before: Iterator[str], after: Iterator[str]) -> Iterator[tuple[str, tuple[int, int]]]:
    """Each id once, with how often it is on either side."""
    tagged = heapq.merge(((i, 0) for i in before), ((i, 1) for i in after))
    current, counts = "", [0, 0]
    for document_id, side in tagged:
        if document_id != current and current:
            yield current, (counts[0], counts[1])
            counts = [0, 0]
        current = document_id
        counts[side] += 1
    if current:
        yield current, (counts[0], counts[1])
