"""Find pairs of similar documents, in three rounds of work on ranges of keys or ids.

    find_candidates      by key:  documents that share a key
    attach_signatures    by id:   the signature of the earlier document of each pair
    compare              by id:   the signature of the later one, and the similarity

Each round reads its range of what the round before wrote, so that no worker and no driver holds
more than a range.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import SHARD_BUCKETS
from components.text_example_gen.duplicates.signatures import (
    ID,
    KEY_RECORD,
    SIGNATURE_LENGTH,
    SIGNATURE_RECORD,
    id_bucket,
)
from components.text_example_gen.writing.bucketed_file import BucketWriter, read_buckets
from components.unit_work import Unit
from core import storage

Array = npt.NDArray[Any]
NEIGHBORS = 8  # with the same key, that each document is compared with, besides the first
PAIR = np.dtype([("earlier", ID), ("later", ID)])
SIGNED_PAIR = np.dtype([("pair", PAIR), ("signature", "<u2", SIGNATURE_LENGTH)])
# Text of the later document, of all copies together.
SIMILAR_PAIR = np.dtype([("later", ID), ("earlier", ID), ("text_bytes", "<u8")])
HELD_PAIRS = 1 << 20


def find_candidates(unit: Unit, *, keys: Sequence[str], scratch: str) -> Unit:
    """Write the pairs of documents that share a key in a range, by the earlier one's id.

    A unit is a range of buckets: `number`, `first` and `end`. Returns `path`, or no path for no
    pairs. Each document is paired with the first one that has its key, and its neighbors by id.
    """
    records = _read(keys, unit, KEY_RECORD)
    records = unique(records, (records["band"], records["key"], *_columns(records["id"])))
    group = np.cumsum(is_new((records["band"], records["key"]))) - 1
    blocks = [np.zeros(0, PAIR)]
    for earlier, later in _candidates(group):
        block = np.zeros(len(earlier), PAIR)
        block["earlier"], block["later"] = records["id"][earlier], records["id"][later]
        blocks.append(block)
    return _write(np.concatenate(blocks), "earlier", f"{scratch}/candidates-{unit['number']:05d}")


def attach_signatures(
    unit: Unit, *, pairs: Sequence[str], signatures: Sequence[str], scratch: str
) -> Unit:
    """Write the pairs whose earlier id is in a range, once each, with that one's signature."""
    own = _read(pairs, unit, PAIR)
    own = unique(own, (*_columns(own["earlier"]), *_columns(own["later"])))
    signed = np.zeros(len(own), SIGNED_PAIR)
    signed["pair"] = own
    records, rows, _ = _look_up(signatures, unit, own["earlier"])
    signed["signature"] = records["signature"][rows]
    return _write(signed, "later", f"{scratch}/signed-{unit['number']:05d}")


def compare(
    unit: Unit, *, pairs: Sequence[str], signatures: Sequence[str], threshold: float, scratch: str
) -> Unit:
    """Write the similar pairs whose later id is in a range, as SIMILAR_PAIR by ids."""
    signed = _read(pairs, unit, SIGNED_PAIR)
    records, rows, text_bytes = _look_up(signatures, unit, signed["pair"]["later"])
    # Estimates the Jaccard similarity.
    agreement = (signed["signature"] == records["signature"][rows]).mean(axis=1)
    is_similar = agreement >= threshold
    similar = np.zeros(int(is_similar.sum()), SIMILAR_PAIR)
    for name in ("earlier", "later"):
        similar[name] = signed["pair"][name][is_similar]
    similar["text_bytes"] = text_bytes[is_similar]
    if not len(similar):
        return {}
    path = f"{scratch}/similar-{unit['number']:05d}"
    order = _order((*_columns(similar["later"]), *_columns(similar["earlier"])))
    storage.write_bytes(path, similar[order].tobytes())
    return {"path": path}


def _candidates(group: Array) -> Iterator[tuple[Array, Array]]:
    """Yield rows of documents in the same group, the earlier document first."""
    is_first = np.diff(group, prepend=-1) > 0
    firsts = np.flatnonzero(is_first)
    yield firsts[group[~is_first]], np.flatnonzero(~is_first)
    for step in range(1, NEIGHBORS + 1):
        earlier = np.flatnonzero(group[step:] == group[:-step])
        yield earlier, earlier + step


def _look_up(signatures: Sequence[str], unit: Unit, ids: Array) -> tuple[Array, Array, Array]:
    """Return the records of a range, the row of each id, and the bytes of all its copies."""
    records = _read(signatures, unit, SIGNATURE_RECORD)
    records = records[_order(_columns(records["id"]))]
    row_of: dict[tuple[int, int], int] = {}
    text_bytes: dict[tuple[int, int], int] = {}
    for row, record_id in enumerate(records["id"].tolist()):
        row_of.setdefault(record_id, row)
        text_bytes[record_id] = text_bytes.get(record_id, 0) + int(records["text_bytes"][row])
    names = ids.tolist()
    rows = np.array([row_of[name] for name in names], np.int64)
    return records, rows, np.array([text_bytes[name] for name in names], np.int64)


def _read(paths: Sequence[str], unit: Unit, dtype: np.dtype[Any]) -> Array:
    """Return the records of a unit's range from all files."""
    return np.frombuffer(b"".join(read_buckets(paths, unit["first"], unit["end"])), dtype)


def _write(records: Array, by: str, path: str) -> Unit:
    """Write pairs by the id bucket of one of their documents."""
    if not len(records):
        return {}
    with BucketWriter(path, SHARD_BUCKETS) as writer:
        for first in range(0, len(records), HELD_PAIRS):
            block = records[first : first + HELD_PAIRS]
            pair = block["pair"] if by == "later" else block
            writer.write_array(id_bucket(pair[by]["high"]), block)
        (written,) = writer.finish()
    return {"path": written}


def _columns(ids: Array) -> tuple[Array, Array]:
    return ids["high"], ids["low"]


def _order(columns: Sequence[Array]) -> Array:
    """Return the order of rows that are sorted by the first column, then by the second."""
    return np.lexsort(columns[::-1])


def unique(records: Array, columns: Sequence[Array]) -> Array:
    """Return the records sorted by the columns, each once."""
    order = _order(columns)
    return records[order][is_new([column[order] for column in columns])]


def is_new(columns: Sequence[Array]) -> npt.NDArray[np.bool_]:
    """Return which rows differ from the row before."""
    is_new = np.ones(len(columns[0]), np.bool_)
    is_new[1:] = np.any([column[1:] != column[:-1] for column in columns], axis=0)
    return is_new
