"""Sort documents by id with an external sort: write sorted runs, then read ranges of all of them.

A run holds as many documents as fit into memory, sorted, after an index of where each id bucket
begins. A bucket is a range of ids and a shard is a range of buckets, so a shard is one contiguous
piece of every run.

    index     offset of bucket 0, 1, … of train; of bucket 0, 1, … of eval; the end   uint64
    entries   document id, lengths, source, record                                   see _ENTRY
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import DOCUMENT_ID_LENGTH, SHARD_BUCKETS, shard_bucket
from core import storage

RUN_BYTES = 32 << 20  # records held before a run is written
_ENTRY = struct.Struct(f"<{DOCUMENT_ID_LENGTH}sIIQI")  # id, sentences, text bytes, record, source
_INDEX_BYTES = 8 * (2 * SHARD_BUCKETS + 1)


@dataclass(frozen=True, order=True)
class Entry:
    """A document on its way to a shard, ordered by id and then by source."""

    document_id: str
    source: str
    num_sentences: int
    text_bytes: int
    record: bytes


class RunWriter:
    """Collects documents and writes a run whenever enough are held.

    Attributes:
        paths: the runs, in the order they were written.
        text_bytes: (2, SHARD_BUCKETS) int64, bytes of text in each bucket of train and eval.
    """

    def __init__(self, prefix: str) -> None:
        """Take the prefix of the runs' paths."""
        self._prefix = prefix
        self._held: list[tuple[int, int, Entry]] = []
        self._held_bytes = 0
        self.paths: list[str] = []
        self.text_bytes: npt.NDArray[np.int64] = np.zeros((2, SHARD_BUCKETS), np.int64)

    def add(self, split: int, entry: Entry) -> None:
        """Add a document of train (0) or eval (1)."""
        bucket = shard_bucket(int(entry.document_id[:4], 16))
        self.text_bytes[split, bucket] += entry.text_bytes
        self._held.append((split, bucket, entry))
        self._held_bytes += len(entry.record)
        if self._held_bytes >= RUN_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write the documents that are held as a run."""
        if not self._held:
            return
        self._held.sort()
        sizes: npt.NDArray[np.int64] = np.zeros(2 * SHARD_BUCKETS, np.int64)
        blobs = []
        for split, bucket, entry in self._held:
            blobs.append(_pack(entry))
            sizes[split * SHARD_BUCKETS + bucket] += len(blobs[-1])
        path = f"{self._prefix}-{len(self.paths):05d}.run"
        with storage.open_output(path) as stream:
            index = _INDEX_BYTES + np.concatenate([[0], np.cumsum(sizes)])
            stream.write(index.astype("<u8").tobytes())
            for blob in blobs:
                stream.write(blob)
        self.paths.append(path)
        self._held, self._held_bytes = [], 0


def read_range(paths: Sequence[str], split: int, first: int, end: int) -> list[Entry]:
    """Return the sorted entries of a split in the buckets [first, end), from all runs."""
    return sorted(entry for path in paths for entry in _read_run(path, split, first, end))


def _read_run(path: str, split: int, first: int, end: int) -> Iterator[Entry]:
    # No more than these bytes, because a store sends every byte that is asked for.
    begin, stop = (_read_offset(path, split * SHARD_BUCKETS + bucket) for bucket in (first, end))
    blob = storage.read_range(path, begin, stop)
    at = 0
    while at < len(blob):
        entry, at = _unpack(blob, at)
        yield entry


def _read_offset(path: str, number: int) -> int:
    return int.from_bytes(storage.read_range(path, 8 * number, 8 * number + 8), "little")


def _pack(entry: Entry) -> bytes:
    source = entry.source.encode()
    head = _ENTRY.pack(
        entry.document_id.encode(),
        entry.num_sentences,
        entry.text_bytes,
        len(entry.record),
        len(source),
    )
    return head + source + entry.record


def _unpack(blob: bytes, at: int) -> tuple[Entry, int]:
    name, num_sentences, text_bytes, record_length, source_length = _ENTRY.unpack_from(blob, at)
    at += _ENTRY.size
    source = blob[at : at + source_length].decode()
    at += source_length
    record = blob[at : at + record_length]
    entry = Entry(name.decode(), source, num_sentences, text_bytes, record)
    return entry, at + record_length
