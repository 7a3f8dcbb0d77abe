"""Choose the documents to drop because another document is nearly the same.

Documents are taken in the order of their ids, and one is dropped if it is similar to an earlier
one that stays; so the order of the files and how text is divided among them do not matter. Workers
find the similar pairs (`find_pairs`); this process holds 24 bytes per document to drop.
"""

import bisect
import functools
import itertools
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import SHARD_BUCKETS
from components.text_example_gen.duplicates.find_pairs import (
    SIMILAR_PAIR,
    attach_signatures,
    compare,
    find_candidates,
)
from components.text_example_gen.duplicates.signatures import (
    ID,
    KEY_BUCKETS,
    KEY_RECORD,
    SIGNATURE_LENGTH,
    SIGNATURE_RECORD,
    band_length,
    id_bucket,
)
from components.text_example_gen.splits import choose_split, split_bucket
from components.text_example_gen.writing.bucketed_file import (
    BucketWriter,
    divide_buckets,
    read_buckets,
)
from components.unit_work import MapUnits, Unit
from core import storage

Int64 = npt.NDArray[np.int64]
RANGE_BYTES = 256 << 20  # of keys or signatures that a worker holds
EXAMPLES = 3  # with the lowest ids, which do not depend on the order of the text
_ROWS = 1 << 14  # as Python's numbers, at once


@dataclass(frozen=True)
class DroppedDocuments:
    """Near-duplicates to drop, with every copy of each."""

    ids: npt.NDArray[np.void]  # (n,) of ID, ascending
    text_bytes: Int64  # (n,) of all copies
    examples: tuple[tuple[str, str], ...] = ()  # ids: of a dropped document, of the one it is like


def find_near_duplicates(
    parts: Sequence[dict[str, Any]], threshold: float, map_units: MapUnits, scratch: str
) -> DroppedDocuments:
    """Return the documents to drop.

    Args:
        parts: `signatures`, `keys` and `signed` (their number) of each part of the text, as
            SignatureWriter writes them; together every document, including copies.
        threshold: Jaccard similarity from which two documents count as nearly the same.
        map_units: processes units of work.
        scratch: folder for temporary files.
    """
    documents = sum(part["signed"] for part in parts)
    signatures = [path for part in parts for path in part["signatures"]]
    keys = [path for part in parts for path in part["keys"]]
    bands = SIGNATURE_LENGTH // band_length(threshold)
    by_key = divide_buckets(KEY_BUCKETS, documents * bands * KEY_RECORD.itemsize, RANGE_BYTES)
    by_id = divide_buckets(SHARD_BUCKETS, documents * SIGNATURE_RECORD.itemsize, RANGE_BYTES)

    def spread(work: Callable[..., Unit], units: list[Unit], **inputs: Any) -> list[str]:
        folder = storage.join(scratch, work.__name__)
        bound = functools.partial(work, **inputs, scratch=folder)
        results = map_units(bound, units, storage.join(folder, "results"))
        return [result["path"] for result in results if result]

    pairs = spread(find_candidates, by_key, keys=keys)
    if pairs:
        pairs = spread(attach_signatures, by_id, pairs=pairs, signatures=signatures)
        pairs = spread(compare, by_id, pairs=pairs, signatures=signatures, threshold=threshold)
    return _choose(np.frombuffer(storage.read_bytes(path), SIMILAR_PAIR) for path in pairs)


def _choose(parts: Iterable[npt.NDArray[np.void]]) -> DroppedDocuments:
    """Return the documents to drop, given the similar pairs sorted by the later document."""
    high, low, text_bytes = array("Q"), array("Q"), array("Q")  # of those to drop, ascending
    examples: list[tuple[str, str]] = []
    for (later, earlier, size), _ in itertools.chain.from_iterable(map(_rows, parts)):
        if high and (high[-1], low[-1]) == later:
            continue
        at = bisect.bisect_left(high, earlier[0])  # the earlier one is decided already
        while at < len(high) and high[at] == earlier[0] and low[at] != earlier[1]:
            at += 1
        if at == len(high) or high[at] != earlier[0]:
            high.append(later[0])
            low.append(later[1])
            text_bytes.append(size)
            if len(examples) < EXAMPLES:
                examples.append((_name(*later), _name(*earlier)))
    ids = np.zeros(len(high), ID)
    ids["high"], ids["low"] = high, low
    return DroppedDocuments(ids, np.array(text_bytes, np.int64), tuple(examples))


def _name(high: int, low: int) -> str:
    return f"{high:016x}{low:016x}"


def _rows(records: npt.NDArray[np.void]) -> Iterator[tuple[Any, int]]:
    """Yield each record as Python's numbers, with its number."""
    for first in range(0, len(records), _ROWS):
        yield from zip(records[first : first + _ROWS].tolist(), itertools.count(first))


def write_dropped(path: str, dropped: DroppedDocuments) -> None:
    """Write the ids, for `read_dropped`."""
    with BucketWriter(path, SHARD_BUCKETS) as writer:
        writer.write_array(id_bucket(dropped.ids["high"]), dropped.ids)
        writer.finish()


def read_dropped(path: str, first: int, end: int) -> frozenset[str]:
    """Return the ids to drop in the id buckets [first, end)."""
    ids = np.frombuffer(b"".join(read_buckets([path], first, end)), ID)
    return frozenset(_name(high, low) for high, low in ids.tolist())


def subtract_dropped(text_bytes: Int64, dropped: DroppedDocuments, eval_fraction: float) -> None:
    """Subtract dropped documents, in place, from the bytes of text per split and bucket."""
    buckets = id_bucket(dropped.ids["high"])
    for (high, low), n in _rows(dropped.ids):
        split = choose_split(split_bucket(_name(high, low)), eval_fraction)
        text_bytes[split, buckets[n]] -= dropped.text_bytes[n]
