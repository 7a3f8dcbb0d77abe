"""Signatures of all documents to those that go, because another one is nearly the same.

Documents stand in the order of their ids, and one goes if it is like one before it that stays;
so the order and the cut of the files count for nothing. Whom to compare is found by bands: two
signatures that are alike agree in all of a few places somewhere (Leskovec et al., Mining of
Massive Datasets, 3.4). Signatures lie in a temporary file, 280 bytes for each document; memory
holds some 80 bytes for each.
"""

import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents.choose_split import choose_split, hash_bucket
from components.text_example_gen.duplicates.signatures import PLACES, SIGNED
from components.text_example_gen.writing.runs import BUCKETS
from core import storage

Int64 = npt.NDArray[np.int64]
MISSED = 0.01  # chance that a pair exactly at the threshold is not compared
NEIGHBOURS = 8  # documents of a band's group that each is compared with, beside the group's first
AT_ONCE = 1 << 16  # signatures compared together; 30 MB


@dataclass(frozen=True)
class Dropped:
    """Near-duplicates: every copy of each."""

    high: npt.NDArray[np.uint64]  # (n,) the first 16 hex digits of the id, ascending
    low: npt.NDArray[np.uint64]  # (n,) the last
    text_bytes: Int64  # (n,)


def find_near_duplicates(paths: Sequence[str], threshold: float) -> Dropped:
    """The documents to drop.

    Args:
        paths: files of SIGNED, which together hold every document, copies among them.
        threshold: Jaccard similarity from which on two documents are nearly the same.
    """
    with tempfile.TemporaryFile() as file:
        records = _gather(paths, file)
        order = np.lexsort((records["low"], records["high"]))
        high, low = records["high"][order], records["low"][order]
        is_first = np.ones(len(order), np.bool_)
        is_first[1:] = (high[1:] != high[:-1]) | (low[1:] != low[:-1])
        dropped = _choose(records["signature"], order[is_first], threshold)
        goes = dropped[np.cumsum(is_first) - 1]  # copies go with the document
        sizes = records["text_bytes"][order[goes]].astype(np.int64)
        return Dropped(high[goes], low[goes], sizes)


def band_places(threshold: float) -> int:
    """Places in a band: as many as possible, while hardly a pair at the threshold is missed."""
    fitting = [n for n in range(1, PLACES + 1) if (1 - threshold**n) ** (PLACES // n) <= MISSED]
    return max(fitting, default=1)


def _gather(paths: Sequence[str], file: IO[bytes]) -> npt.NDArray[np.void]:
    for path in paths:
        with storage.open_input(path) as stream:
            while block := stream.read(1 << 20):
                file.write(block)
    file.flush()
    if not file.tell():
        return np.zeros(0, SIGNED)
    return np.memmap(file, SIGNED, mode="r")


def _choose(
    signatures: npt.NDArray[np.uint16], rows: Int64, threshold: float
) -> npt.NDArray[np.bool_]:
    """Which of the documents go: (D,).

    Args:
        signatures: (records, PLACES).
        rows: (D,) the record of each document, in the order of the ids.
        threshold: as above.
    """
    places = band_places(threshold)
    alike = np.zeros(0, np.int64)  # pairs, as earlier + D * later
    for begin in range(0, PLACES - places + 1, places):
        keys = _band_keys(signatures, rows, begin, places)
        for earlier, later in _candidates(keys):
            is_alike = _similarity(signatures, rows[earlier], rows[later]) >= threshold
            found = earlier[is_alike] + len(rows) * later[is_alike]
            alike = np.union1d(alike, found)
    dropped = np.zeros(len(rows), np.bool_)
    for pair in alike.tolist():  # by the later one, so that the fate of the earlier is known
        later, earlier = divmod(pair, len(rows))
        dropped[later] |= not dropped[earlier]
    return dropped


def _band_keys(
    signatures: npt.NDArray[np.uint16], rows: Int64, begin: int, places: int
) -> npt.NDArray[np.uint64]:
    """(D,) equal numbers for documents that agree in the band."""
    keys = np.zeros(len(rows), np.uint64)
    for first in range(0, len(rows), AT_ONCE):
        block = signatures[rows[first : first + AT_ONCE], begin : begin + places]
        for column in block.T.astype(np.uint64):
            part = keys[first : first + AT_ONCE]
            part *= np.uint64(0x9E3779B97F4A7C15)  # spreads the bits: 2^64 over the golden ratio
            part ^= part >> np.uint64(29)
            part += column
    return keys


def _candidates(keys: npt.NDArray[np.uint64]) -> list[tuple[Int64, Int64]]:
    """Pairs of documents with equal keys, the earlier one first."""
    by_key = np.argsort(keys, kind="stable")
    ordered = keys[by_key]
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    firsts = np.flatnonzero(is_first)
    group = np.cumsum(is_first) - 1
    pairs = [(by_key[firsts[group[~is_first]]], by_key[~is_first])]
    for step in range(1, NEIGHBOURS + 1):
        same = group[step:] == group[:-step]
        pairs.append((by_key[:-step][same], by_key[step:][same]))
    return pairs


def _similarity(
    signatures: npt.NDArray[np.uint16], left: Int64, right: Int64
) -> npt.NDArray[np.float64]:
    """(n,) the estimated Jaccard similarity of pairs of records."""
    parts = [np.zeros(0)]
    for first in range(0, len(left), AT_ONCE):
        block = slice(first, first + AT_ONCE)
        parts.append((signatures[left[block]] == signatures[right[block]]).mean(axis=1))
    return np.concatenate(parts)


def write_dropped(path: str, dropped: Dropped) -> None:
    """Writes the ids, for `read_dropped`."""
    ids = np.stack([dropped.high, dropped.low], axis=1)
    storage.write_bytes(path, ids.astype("<u8").tobytes())


def read_dropped(path: str, first_bucket: int, last_bucket: int) -> frozenset[str]:
    """The ids to drop in the buckets first … last (without it)."""
    ids = np.frombuffer(storage.read_bytes(path), "<u8").reshape(-1, 2)
    bucket = bucket_of(ids[:, 0])
    own = ids[(bucket >= first_bucket) & (bucket < last_bucket)]
    return frozenset(f"{high:016x}{low:016x}" for high, low in own.tolist())


def subtract(text_bytes: Int64, dropped: Dropped, eval_fraction: float) -> None:
    """Takes what is dropped from the bytes of text in each bucket.

    Args:
        text_bytes: (2, BUCKETS) of train and eval; changed.
        dropped: the near-duplicates.
        eval_fraction: the documents' split follows from it.
    """
    buckets = bucket_of(dropped.high)
    for n, (high, low) in enumerate(zip(dropped.high, dropped.low, strict=True)):
        split = choose_split(hash_bucket(f"{high:016x}{low:016x}"), eval_fraction)
        text_bytes[split, buckets[n]] -= dropped.text_bytes[n]


def bucket_of(high: npt.NDArray[np.uint64]) -> Int64:
    """The bucket of each id (`runs.BUCKETS`)."""
    return ((high >> np.uint64(48)).astype(np.int64) * BUCKETS) >> 16
