"""Cut the sorted documents of a split into shards and write each shard."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.records import write_records
from components.text_example_gen.documents import (
    EXAMPLE_CHARACTERS,
    decode_sentences,
    find_source,
    shard_bucket,
)
from components.text_example_gen.duplicates.near_duplicates import read_dropped
from components.text_example_gen.splits import SPLITS
from components.text_example_gen.writing.mix import Mix
from components.text_example_gen.writing.runs import Entry, read_range

# A small split gets smaller shards than the settings ask for, so that this many workers have
# work; but no shard so small that starting on it costs more than the work.
SHARDS_FOR_WORKERS = 8
WORTHWHILE_BYTES = 1 << 20


def cut_shards(text_bytes: npt.NDArray[np.int64], shard_bytes: int) -> list[tuple[int, int]]:
    """Divide buckets into shards of about equal size, none of them empty.

    Args:
        text_bytes: (buckets,) bytes of text in each bucket of a split.
        shard_bytes: target size; small splits get smaller shards.

    Returns:
        For each shard its first bucket and the one after its last; together all buckets.
    """
    total = int(text_bytes.sum())
    for_workers = min(SHARDS_FOR_WORKERS, total // WORTHWHILE_BYTES)
    num_shards = max(1, round(total / shard_bytes), for_workers)
    before = np.cumsum(text_bytes) - text_bytes
    shard_of = (before * num_shards // max(total, 1))[text_bytes > 0]
    buckets = np.flatnonzero(text_bytes)
    starts = buckets[np.flatnonzero(np.diff(shard_of, prepend=-1))].tolist()
    starts[:1] = [0]
    return list(zip(starts, [*starts[1:], len(text_bytes)], strict=True))


def plan_shards(text_bytes: npt.NDArray[np.int64], shard_bytes: int) -> list[dict[str, int]]:
    """Return the units of `write_shard` for all shards of all splits.

    Args:
        text_bytes: (splits, buckets) bytes of text.
        shard_bytes: see `cut_shards`.
    """
    units = []
    for split in range(len(SPLITS)):
        cuts = cut_shards(text_bytes[split], shard_bytes)
        units += [
            {
                "split": split,
                "shard": shard,
                "num_shards": len(cuts),
                "first_bucket": first,
                "last_bucket": end,
            }
            for shard, (first, end) in enumerate(cuts)
        ]
    return units


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which documents of the sorted runs are written."""

    runs: Sequence[str]
    drop_duplicates: bool = False
    near_duplicates: str | None = None  # a file with the ids to drop
    mix: Mix | None = None  # of several sources
    shown: frozenset[str] = frozenset()  # ids of documents whose text `write_shard` returns


def write_shard(unit: dict[str, int], *, folder: str, selection: Selection) -> dict[str, object]:
    """Write one shard: a range of document ids, sorted by id and source.

    A unit has `split` (0 train, 1 eval), `shard`, `num_shards`, `first_bucket`, and `last_bucket`,
    which is not part of the shard. Returns `shard`, its entry for the manifest, `counts`,
    `sources`, the counts of each source of a mix, and `shown`: file and start of the text of
    documents, written or not, by id.
    """
    counts: Counter[str] = Counter(documents=0, sentences=0, text_bytes=0, duplicate_documents=0)
    sources: dict[str, Counter[str]] = {}
    shown: dict[str, tuple[str, str]] = {}
    records = (entry.record for entry in _select(unit, selection, counts, sources, shown))
    name = f"documents-{unit['shard']:05d}-of-{unit['num_shards']:05d}.tfrecord.gz"
    shard = write_records(folder, f"Split-{SPLITS[unit['split']]}/{name}", records)
    return {"shard": shard.model_dump(), "counts": dict(counts), "sources": sources, "shown": shown}


def measure_shard(unit: dict[str, int], *, selection: Selection) -> dict[str, object]:
    """Return the bytes of text that `write_shard` would write: by `sources` and by `buckets`."""
    sources: dict[str, Counter[str]] = {}
    first, end = unit["first_bucket"], unit["last_bucket"]
    buckets = [0] * (end - first)
    for entry in _select(unit, selection, Counter(), sources, {}):
        buckets[shard_bucket(int(entry.document_id[:4], 16)) - first] += entry.text_bytes
    return {
        "sources": {name: counts["text_bytes"] for name, counts in sources.items()},
        "buckets": buckets,
    }


def _select(
    unit: dict[str, int],
    selection: Selection,
    counts: Counter[str],
    sources: dict[str, Counter[str]],
    shown: dict[str, tuple[str, str]],
) -> Iterator[Entry]:
    """Yield the entries of a shard to write; count them, and keep the text of those to show."""
    buckets = unit["first_bucket"], unit["last_bucket"]
    entries = read_range(selection.runs, unit["split"], *buckets)
    for entry in entries if selection.shown else ():
        if entry.document_id in selection.shown:
            text = "\n".join(decode_sentences(entry.record))[:EXAMPLE_CHARACTERS]
            shown.setdefault(entry.document_id, (entry.source, text))
    if selection.near_duplicates is not None:
        dropped = read_dropped(selection.near_duplicates, *buckets)
        kept = [entry for entry in entries if entry.document_id not in dropped]
        counts["dropped_near_duplicates"] = len(entries) - len(kept)
        entries = kept
    before = ""
    for entry in entries:
        is_duplicate = entry.document_id == before
        before = entry.document_id
        counts["duplicate_documents"] += is_duplicate
        if is_duplicate and selection.drop_duplicates:
            counts["dropped_duplicates"] += 1
            continue
        copies = 1
        if selection.mix is not None:
            source = find_source(entry.source)
            copies = selection.mix[source].count_copies(entry.document_id, unit["split"])
            counts["dropped_by_weight"] += not copies
            _count(entry, copies, sources.setdefault(source, Counter()))
        _count(entry, copies, counts)
        yield from itertools.repeat(entry, copies)


def _count(entry: Entry, copies: int, counts: Counter[str]) -> None:
    counts["documents"] += copies
    counts["sentences"] += copies * entry.num_sentences
    counts["text_bytes"] += copies * entry.text_bytes
