"""Count how often each number occurs in the features of instances, while they are written.

An instance's numbers are ids, positions and flags, so a feature has few distinct values, and their
counts give all of TFDV's statistics of it exactly.
"""

import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from components.example_bytes import Column
from core import storage
from core.manifest import Manifest, read_verified

Int64 = npt.NDArray[np.int64]
VALUE_COUNTS = "value_counts.npz"  # in the artifact of the instances


@dataclass(frozen=True)
class NumberCounts:
    """Counts of one feature."""

    lengths: Int64  # (longest + 1,) number of records with so many values
    values: npt.NDArray[Any]  # (n,) distinct values in order: int64 or float32
    counts: Int64  # (n,) how often each occurs


SplitCounts = dict[str, NumberCounts]  # by feature


class ValueCounter:
    """Counts of the features of some records."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._lengths: dict[str, Int64] = {}
        self._integers: dict[str, Int64] = {}  # by feature: (largest + 1,) counts of each value
        self._floats: dict[str, tuple[npt.NDArray[Any], Int64]] = {}

    def add(self, features: Mapping[str, Column]) -> None:
        """Count the values of n records, as `encode_examples` gets them."""
        for name, column in features.items():
            self._add_lengths(name, column)
            values = column.values if column.used is None else column.values[column.used]
            if values.dtype.kind == "f":
                self._add_floats(name, values.ravel())
            else:
                counts = _count_integers(values.ravel())
                self._integers[name] = _add_padded(self._integers.get(name), counts)

    def counts(self) -> SplitCounts:
        """Return what was counted."""
        numbers = {}
        for name, of_each in self._integers.items():
            values = np.flatnonzero(of_each)
            numbers[name] = NumberCounts(self._lengths[name], values, of_each[values])
        for name, (values, counts) in self._floats.items():
            numbers[name] = NumberCounts(self._lengths[name], values, counts)
        return numbers

    def _add_lengths(self, name: str, column: Column) -> None:
        rows, width = column.values.shape
        if column.used is None:
            counts = np.zeros(width + 1, np.int64)
            counts[width] = rows
        else:
            counts = np.bincount(column.used.sum(axis=1))
        self._lengths[name] = _add_padded(self._lengths.get(name), counts)

    def _add_floats(self, name: str, values: npt.NDArray[Any]) -> None:
        distinct, counts = _count_floats(values)
        if name in self._floats:
            known, before = self._floats[name]
            distinct, counts = _merge([known, distinct], [before, counts])
        self._floats[name] = distinct, counts


def add_value_counts(parts: Iterable[SplitCounts]) -> SplitCounts:
    """Add up the counts of several shards."""
    total: SplitCounts = {}
    for part in parts:
        for name, new in part.items():
            if (old := total.get(name)) is None:
                total[name] = new
                continue
            values, counts = _merge([old.values, new.values], [old.counts, new.counts])
            total[name] = NumberCounts(_add_padded(old.lengths, new.lengths), values, counts)
    return total


def encode_value_counts(counts: Mapping[str, SplitCounts]) -> bytes:
    """Return the file with the counts of several splits; equal counts give equal bytes."""
    content = io.BytesIO()
    arrays: dict[str, Any] = {
        f"{split}/{name}/{kind}": getattr(numbers, kind)
        for split, features in sorted(counts.items())
        for name, numbers in sorted(features.items())
        for kind in ("lengths", "values", "counts")
    }
    np.savez_compressed(content, **arrays)
    return content.getvalue()


def decode_value_counts(content: bytes) -> dict[str, SplitCounts]:
    """Return the counts of each split."""
    counts: dict[str, SplitCounts] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        for key in arrays.files:
            split, name, kind = key.split("/")
            if kind == "lengths":
                fields = (arrays[f"{split}/{name}/{k}"] for k in ("lengths", "values", "counts"))
                counts.setdefault(split, {})[name] = NumberCounts(*fields)
    return counts


def read_value_counts(folder: str, manifest: Manifest) -> dict[str, SplitCounts]:
    """Read the counts of an artifact's splits.

    Raises:
        DamagedFileError: the file is missing or was changed.
    """
    (file,) = (file for file in manifest.files if file.path == VALUE_COUNTS)
    return decode_value_counts(read_verified(folder, file))


def save_value_counts(counts: SplitCounts, scratch: str, split: str, number: int) -> str:
    """Save the counts of one shard to a scratch file and return its path."""
    path = storage.join(scratch, f"value-counts-{split}-{number:05d}.npz")
    storage.write_bytes(path, encode_value_counts({split: counts}))
    return path


def sum_value_counts(paths: Mapping[str, Iterable[str]]) -> bytes:
    """Return the file with the sums of each split's scratch files."""
    return encode_value_counts(
        {
            split: add_value_counts(
                decode_value_counts(storage.read_bytes(path))[split] for path in of_split
            )
            for split, of_split in paths.items()
        }
    )


def _count_integers(values: npt.NDArray[Any]) -> Int64:
    if values.dtype.kind == "b":
        true = np.count_nonzero(values)
        return np.array([len(values) - true, true], np.int64)
    return np.bincount(values)


def _count_floats(values: npt.NDArray[Any]) -> tuple[npt.NDArray[Any], Int64]:
    """Return the distinct values and their counts, without sorting flags."""
    flags = np.array([0, 1], values.dtype)
    counts = np.array([np.count_nonzero(values == flag) for flag in flags], np.int64)
    if counts.sum() == len(values):
        return flags[counts > 0], counts[counts > 0]
    distinct, counts = np.unique(values, return_counts=True)
    return distinct, counts.astype(np.int64)


def _merge(values: list[npt.NDArray[Any]], counts: list[Int64]) -> tuple[npt.NDArray[Any], Int64]:
    """Merge two sorted lists of distinct values and add their counts."""
    distinct, place = np.unique(np.concatenate(values), return_inverse=True)
    total = np.zeros(len(distinct), np.int64)
    np.add.at(total, place.ravel(), np.concatenate(counts))
    return distinct, total


def _add_padded(old: Int64 | None, new: Int64) -> Int64:
    if old is None:
        return new.astype(np.int64)
    total = np.zeros(max(len(old), len(new)), np.int64)
    total[: len(old)] += old
    total[: len(new)] += new
    return total
