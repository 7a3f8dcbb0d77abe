"""Cut the sorted documents of a split into shards and write each shard."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from components.records import write_records
from components.text_example_gen.duplicates.near_duplicates import read_dropped
from components.text_example_gen.splits import SPLITS
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


def write_shard(
    unit: dict[str, int],
    *,
    folder: str,
    runs: Sequence[str],
    drop_duplicates: bool,
    near_duplicates: str | None = None,
) -> dict[str, object]:
    """Write one shard: a range of document ids, sorted by id and source.

    A unit has `split` (0 train, 1 eval), `shard`, `num_shards`, `first_bucket`, and `last_bucket`,
    which is not part of the shard. `near_duplicates` is a file with the ids to drop, if any.
    Returns `shard`, its entry for the manifest, and `counts`.
    """
    buckets = unit["first_bucket"], unit["last_bucket"]
    entries = read_range(runs, unit["split"], *buckets)
    counts: Counter[str] = Counter(documents=0, sentences=0, text_bytes=0, duplicate_documents=0)
    if near_duplicates is not None:
        dropped = read_dropped(near_duplicates, *buckets)
        kept = [entry for entry in entries if entry.document_id not in dropped]
        counts["dropped_near_duplicates"] = len(entries) - len(kept)
        entries = kept
    records = (entry.record for entry in _count(entries, counts, drop_duplicates))
    name = f"documents-{unit['shard']:05d}-of-{unit['num_shards']:05d}.tfrecord.gz"
    shard = write_records(folder, f"Split-{SPLITS[unit['split']]}/{name}", records)
    return {"shard": shard.model_dump(), "counts": dict(counts)}


def _count(
    entries: Sequence[Entry], counts: Counter[str], drop_duplicates: bool
) -> Iterator[Entry]:
    """Count entries and yield those to write."""
    before = ""
    for entry in entries:
        is_duplicate = entry.document_id == before
        before = entry.document_id
        counts["duplicate_documents"] += is_duplicate
        if is_duplicate and drop_duplicates:
            counts["dropped_duplicates"] += 1
            continue
        counts["documents"] += 1
        counts["sentences"] += entry.num_sentences
        counts["text_bytes"] += entry.text_bytes
        yield entry
