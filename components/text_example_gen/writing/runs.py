"""Sort documents by id with an external sort: write runs, then read ranges of all of them.

A bucket is a range of ids and a shard is a range of buckets, so a shard is one contiguous piece of
every run. The buckets of eval follow those of train. See `_ENTRY` for a document.
"""

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Self

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import DOCUMENT_ID_LENGTH, SHARD_BUCKETS, shard_bucket
from components.text_example_gen.writing.bucketed_file import PART_BYTES, BucketWriter, read_buckets

_ENTRY = struct.Struct(f"<{DOCUMENT_ID_LENGTH}sIIQI")  # id, sentences, text bytes, record, source


@dataclass(frozen=True, order=True)
class Entry:
    """A document on its way to a shard, ordered by id and then by source."""

    document_id: str
    source: str
    num_sentences: int
    text_bytes: int
    record: bytes


class RunWriter:
    """Collects documents, and writes them as one run.

    Attributes:
        text_bytes: (2, SHARD_BUCKETS) int64, bytes of text in each bucket of train and eval.
    """

    def __init__(self, path: str) -> None:
        """Take the path of the run."""
        self._writer = BucketWriter(path, 2 * SHARD_BUCKETS)
        self._held: list[tuple[int, bytes]] = []
        self._held_bytes = 0
        self.text_bytes: npt.NDArray[np.int64] = np.zeros((2, SHARD_BUCKETS), np.int64)

    def __enter__(self) -> Self:
        """Make a folder for parts of the run."""
        self._writer.__enter__()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the parts."""
        self._writer.__exit__()

    def add(self, split: int, entry: Entry) -> None:
        """Add a document of train (0) or eval (1)."""
        bucket = shard_bucket(int(entry.document_id[:4], 16))
        self.text_bytes[split, bucket] += entry.text_bytes
        self._held.append((split * SHARD_BUCKETS + bucket, _pack(entry)))
        self._held_bytes += len(entry.record)
        if self._held_bytes >= PART_BYTES:
            self._flush()

    def finish(self) -> list[str]:
        """Write the run, and return its path; or write nothing if there are no documents."""
        self._flush()
        return self._writer.finish()

    def _flush(self) -> None:
        if self._held:
            self._held.sort(key=itemgetter(0))
            sizes: npt.NDArray[np.int64] = np.zeros(2 * SHARD_BUCKETS, np.int64)
            for bucket, packed in self._held:
                sizes[bucket] += len(packed)
            self._writer.write(sizes, (packed for _, packed in self._held))
        self._held, self._held_bytes = [], 0


def read_range(paths: Sequence[str], split: int, first: int, end: int) -> list[Entry]:
    """Return the sorted entries of a split in the buckets [first, end), from all runs."""
    start = split * SHARD_BUCKETS
    blobs = read_buckets(paths, start + first, start + end)
    return sorted(entry for blob in blobs for entry in _unpack_all(blob))


def _unpack_all(blob: bytes) -> Iterator[Entry]:
    at = 0
    while at < len(blob):
        entry, at = _unpack(blob, at)
        yield entry


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
