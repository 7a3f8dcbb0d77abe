"""Write records grouped by bucket, more than fit into memory, and read ranges of buckets.

    index     offset of bucket 0, 1, …; the end   uint64
    records   of bucket 0, 1, …

A writer writes parts, which it merges in the end. So a reader of a range opens one file per
writer.
"""

import contextlib
import functools
import math
from collections.abc import Iterable, Sequence
from secrets import token_hex
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from core import storage
from core.temporary import TemporaryFolder

Int64 = npt.NDArray[np.int64]
PART_BYTES = 32 << 20  # about what callers hold before they write a part
MAX_PARTS = 64  # merged at once; each takes 0.5 MB
_NEAR_BUCKETS = 512  # whose offsets are read by one request


class BucketWriter:
    """Writes one file; enter it, write parts, and finish."""

    def __init__(self, path: str, num_buckets: int) -> None:
        """Take the file, which appears when it is whole, and its number of buckets."""
        self.num_buckets = num_buckets
        self._path = path
        self._parts: list[str] = []
        self._folder = ""
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> Self:
        """Make a folder for the parts: beside the file, or a temporary one for a remote file."""
        if storage.is_remote(self._path):
            self._folder = self._stack.enter_context(TemporaryFolder("runs"))
        else:
            self._folder = f"{self._path}.{token_hex(8)}"
            self._stack.callback(storage.remove_tree, self._folder)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the parts."""
        self._stack.close()

    def write(self, sizes: Int64, records: Iterable[bytes]) -> None:
        """Write a part.

        Args:
            sizes: (num_buckets,) bytes of the records of each bucket.
            records: by bucket.
        """
        if len(self._parts) == MAX_PARTS:
            merged = self._new_part()
            _merge(self._parts, merged, self.num_buckets)
            for part in self._parts:
                storage.remove(part)
            self._parts = [merged]
        self._parts.append(self._new_part())
        with storage.open_output(self._parts[-1]) as stream:
            stream.write(_index(sizes))
            stream.writelines(records)

    def write_array(self, buckets: Int64, records: npt.NDArray[Any]) -> None:
        """Write a part of records of equal size, in any order, with the bucket of each."""
        order = np.argsort(buckets, kind="stable")
        counts = np.bincount(buckets, minlength=self.num_buckets)
        self.write(counts * records.dtype.itemsize, [records[order].tobytes()])

    def finish(self) -> list[str]:
        """Write the file, and return its path; or write nothing if there was no part."""
        if not self._parts:
            return []
        _merge(self._parts, self._path, self.num_buckets)
        return [self._path]

    def _new_part(self) -> str:
        return storage.join(self._folder, token_hex(8))


def divide_buckets(buckets: int, size: int, range_bytes: int) -> list[dict[str, int]]:
    """Return units of about equal size: ranges of buckets with `number`, `first` and `end`.

    `size` is that of all records, and `range_bytes` what a worker should hold of them.
    """
    count = min(max(1, math.ceil(size / range_bytes)), buckets)
    cuts = [number * buckets // count for number in range(count + 1)]
    return [
        {"number": number, "first": cuts[number], "end": cuts[number + 1]}
        for number in range(count)
    ]


def read_buckets(paths: Sequence[str], first: int, end: int) -> Iterable[bytes]:
    """Return the records of the buckets [first, end) in each file; several remote ones at once."""
    read = functools.partial(_read_buckets, first=first, end=end)
    is_remote = any(map(storage.is_remote, paths))
    return storage.transfer(read, paths) if is_remote else map(read, paths)


def _read_buckets(path: str, first: int, end: int) -> bytes:
    if end - first < _NEAR_BUCKETS:
        index = storage.read_range(path, 8 * first, 8 * end + 8)
    else:
        index = b"".join(storage.read_range(path, 8 * n, 8 * n + 8) for n in (first, end))
    # No more than these bytes, because a store sends every byte that is asked for.
    begin, stop = (int.from_bytes(offset, "little") for offset in (index[:8], index[-8:]))
    return storage.read_range(path, begin, stop)


def _index(sizes: Int64) -> bytes:
    offsets = 8 * (len(sizes) + 1) + np.concatenate([[0], np.cumsum(sizes)])
    return offsets.astype("<u8").tobytes()


def _merge(paths: Sequence[str], target: str, num_buckets: int) -> None:
    """Write a file with the buckets of several."""
    with contextlib.ExitStack() as stack:
        streams = [stack.enter_context(storage.open_input(path)) for path in paths]
        offsets = [np.frombuffer(s.read(8 * num_buckets + 8), "<u8") for s in streams]
        sizes = np.diff(np.array(offsets).astype(np.int64), axis=1)
        with storage.open_output(target) as stream:
            stream.write(_index(sizes.sum(axis=0)))
            for bucket in np.flatnonzero(sizes.any(axis=0)).tolist():
                for part, size in zip(streams, sizes[:, bucket].tolist(), strict=True):
                    stream.write(part.read(size))
