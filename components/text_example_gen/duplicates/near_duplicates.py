"""Choose the documents to drop because another document is nearly the same.

Documents are taken in the order of their ids, and one is dropped if it is similar to an earlier
one that stays; so the order of the files and how text is divided among them do not matter. Only
documents whose signatures agree in a whole band are compared (Leskovec et al., Mining of Massive
Datasets, 3.4). Signatures are in a temporary file, 280 bytes per document; memory holds about
80 bytes per document.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import shard_bucket
from components.text_example_gen.duplicates.signatures import SIGNATURE_LENGTH, SIGNATURE_RECORD
from components.text_example_gen.splits import choose_split, split_bucket
from core import storage

Int64 = npt.NDArray[np.int64]
MAX_MISS_RATE = 0.01  # probability that a pair exactly at the threshold is not compared
NEIGHBORS = 8  # of the same band, that each document is compared with, besides the first
BLOCK_SIGNATURES = 1 << 16  # compared together; 30 MB


@dataclass(frozen=True)
class DroppedDocuments:
    """Near-duplicates to drop, with every copy of each."""

    high: npt.NDArray[np.uint64]  # (n,) the first 16 hex digits of the id, ascending
    low: npt.NDArray[np.uint64]  # (n,) the last 16 hex digits
    text_bytes: Int64  # (n,)


def find_near_duplicates(paths: Sequence[str], threshold: float) -> DroppedDocuments:
    """Return the documents to drop.

    Args:
        paths: files of SIGNATURE_RECORD that together hold every document, including copies.
        threshold: Jaccard similarity from which two documents count as nearly the same.
    """
    with tempfile.TemporaryFile() as file:
        records = _concatenate(paths, file)
        order = np.lexsort((records["low"], records["high"]))
        high, low = records["high"][order], records["low"][order]
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        is_dropped = _choose(records["signature"], order[is_first], threshold)
        is_dropped = is_dropped[np.cumsum(is_first) - 1]  # copies share the document's fate
        sizes = records["text_bytes"][order[is_dropped]].astype(np.int64)
        return DroppedDocuments(high[is_dropped], low[is_dropped], sizes)


def _concatenate(paths: Sequence[str], file: IO[bytes]) -> npt.NDArray[np.void]:
    for path in paths:
        with storage.open_input(path) as stream:
            while block := stream.read(1 << 20):
                file.write(block)
    file.flush()
    if not file.tell():
        return np.zeros(0, SIGNATURE_RECORD)
    return np.memmap(file, SIGNATURE_RECORD, mode="r")


def _choose(
    signatures: npt.NDArray[np.uint16], rows: Int64, threshold: float
) -> npt.NDArray[np.bool_]:
    """Return which documents to drop: (D,).

    Args:
        signatures: (records, SIGNATURE_LENGTH).
        rows: (D,) the record of each document, in the order of the ids.
        threshold: as in `find_near_duplicates`.
    """
    length = band_length(threshold)
    pairs = np.zeros(0, np.int64)  # similar documents, as earlier + D * later
    for begin in range(0, SIGNATURE_LENGTH - length + 1, length):
        keys = _band_keys(signatures, rows, begin, length)
        for earlier, later in _candidates(keys):
            is_similar = _similarity(signatures, rows[earlier], rows[later]) >= threshold
            pairs = np.union1d(pairs, earlier[is_similar] + len(rows) * later[is_similar])
    is_dropped = np.zeros(len(rows), np.bool_)
    for pair in pairs.tolist():  # sorted by the later one: the earlier one is decided already
        later_row, earlier_row = divmod(pair, len(rows))
        is_dropped[later_row] |= not is_dropped[earlier_row]
    return is_dropped


def band_length(threshold: float) -> int:
    """Return the longest band that misses hardly any pair at the threshold."""
    lengths = range(1, SIGNATURE_LENGTH + 1)
    fitting = [n for n in lengths if (1 - threshold**n) ** (SIGNATURE_LENGTH // n) <= MAX_MISS_RATE]
    return max(fitting, default=1)


def _band_keys(
    signatures: npt.NDArray[np.uint16], rows: Int64, begin: int, length: int
) -> npt.NDArray[np.uint64]:
    """Return a hash of each document's band: (D,)."""
    keys = np.zeros(len(rows), np.uint64)
    for first in range(0, len(rows), BLOCK_SIGNATURES):
        block = signatures[rows[first : first + BLOCK_SIGNATURES], begin : begin + length]
        for column in block.T.astype(np.uint64):
            part = keys[first : first + BLOCK_SIGNATURES]
            part *= np.uint64(0x9E3779B97F4A7C15)  # spreads the bits: 2^64 over the golden ratio
            part ^= part >> np.uint64(29)
            part += column
    return keys


def _candidates(keys: npt.NDArray[np.uint64]) -> list[tuple[Int64, Int64]]:
    """Return pairs of documents with equal keys, the earlier document first."""
    by_key = np.argsort(keys, kind="stable")
    ordered = keys[by_key]
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    firsts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    pairs = [(by_key[firsts[group[~is_first]]], by_key[~is_first])]
    for step in range(1, NEIGHBORS + 1):
        same = group[step:] == group[:-step]
        pairs.append((by_key[:-step][same], by_key[step:][same]))
    return pairs


def _similarity(
    signatures: npt.NDArray[np.uint16], left: Int64, right: Int64
) -> npt.NDArray[np.float64]:
    """Return the estimated Jaccard similarity of pairs of records: (n,)."""
    parts = [np.zeros(0)]
    for first in range(0, len(left), BLOCK_SIGNATURES):
        block = slice(first, first + BLOCK_SIGNATURES)
        parts.append((signatures[left[block]] == signatures[right[block]]).mean(axis=1))
    return np.concatenate(parts)


def write_dropped(path: str, dropped: DroppedDocuments) -> None:
    """Write the ids, for `read_dropped`."""
    ids = np.stack([dropped.high, dropped.low], axis=1)
    storage.write_bytes(path, ids.astype("<u8").tobytes())


def read_dropped(path: str, first: int, end: int) -> frozenset[str]:
    """Return the ids to drop in the id buckets [first, end)."""
    ids = np.frombuffer(storage.read_bytes(path), "<u8").reshape(-1, 2)
    bucket = _shard_buckets(ids[:, 0])
    own = ids[(bucket >= first) & (bucket < end)]
    return frozenset(f"{high:016x}{low:016x}" for high, low in own.tolist())


def subtract_dropped(text_bytes: Int64, dropped: DroppedDocuments, eval_fraction: float) -> None:
    """Subtract dropped documents, in place, from the bytes of text per split and bucket."""
    buckets = _shard_buckets(dropped.high)
    for n, (high, low) in enumerate(zip(dropped.high, dropped.low, strict=True)):
        split = choose_split(split_bucket(f"{high:016x}{low:016x}"), eval_fraction)
        text_bytes[split, buckets[n]] -= dropped.text_bytes[n]


def _shard_buckets(high: npt.NDArray[np.uint64]) -> Int64:
    return shard_bucket((high >> np.uint64(48)).astype(np.int64))
