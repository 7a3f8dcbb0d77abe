"""Compute MinHash signatures of documents: short arrays that are as similar as their phrases.

The share of positions at which two signatures agree estimates the Jaccard similarity of the sets
of phrases (Broder 1997), with a standard error of at most 0.04.
"""

import contextlib
import re
from collections.abc import Sequence
from typing import Self

import numpy as np
import numpy.typing as npt

from components.text_example_gen.documents import SHARD_BUCKETS, shard_bucket
from components.text_example_gen.writing.bucketed_file import BucketWriter

Int64 = npt.NDArray[np.int64]

PHRASE_WORDS = 5  # consecutive words in lower case, without punctuation (Lee et al. 2022)
SIGNATURE_LENGTH = 128
SEED = 1
HELD_SIGNATURES = 1 << 14  # in memory before they are written; 5 MB, and 0.5 MB of keys per band
MAX_MISS_RATE = 0.01  # probability that a pair exactly at the threshold is not compared
KEY_BUCKETS = 1 << 14  # of equal ranges of keys
# Chinese and Japanese are written without spaces, so each of their characters counts as a word.
_UNSPACED = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+")

ID = np.dtype([("high", "<u8"), ("low", "<u8")])  # of a document: its hex digits
# Half of each 32-bit value is kept: two different values agree in it with probability 1/65,536.
SIGNATURE_RECORD = np.dtype(
    [("id", ID), ("text_bytes", "<u8"), ("signature", "<u2", SIGNATURE_LENGTH)]
)
KEY_RECORD = np.dtype([("key", "<u8"), ("band", "<u8"), ("id", ID)])


class SignatureWriter:
    """Collects signatures, and writes them by id, and their keys by key: see `band_keys`."""

    def __init__(self, prefix: str, threshold: float) -> None:
        """Take the prefix of the two files' paths, and the similarity from which to drop."""
        self._threshold = threshold
        self._held: list[bytes] = []
        self._signatures = BucketWriter(f"{prefix}.signatures", SHARD_BUCKETS)
        self._keys = BucketWriter(f"{prefix}.keys", KEY_BUCKETS)
        self._stack = contextlib.ExitStack()
        self.documents = 0

    def __enter__(self) -> Self:
        """Make folders for parts of the files."""
        for writer in (self._signatures, self._keys):
            self._stack.enter_context(writer)
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the parts."""
        self._stack.close()

    def add(self, document_id: str, sentences: Sequence[str], text_bytes: int) -> None:
        """Add the signature of a document."""
        self._held.append(sign_document(document_id, sentences, text_bytes).tobytes())
        self.documents += 1
        if len(self._held) >= HELD_SIGNATURES:
            self._flush()

    def finish(self) -> dict[str, list[str]]:
        """Write the files, and return their paths: `signatures` and `keys`."""
        self._flush()
        return {"signatures": self._signatures.finish(), "keys": self._keys.finish()}

    def _flush(self) -> None:
        if self._held:
            records = np.frombuffer(b"".join(self._held), SIGNATURE_RECORD)
            self._signatures.write_array(id_bucket(records["id"]["high"]), records)
            keys = band_keys(records, self._threshold)
            self._keys.write_array((keys["key"] >> np.uint64(50)).astype(np.int64), keys)
        self._held = []


def sign_document(
    document_id: str, sentences: Sequence[str], text_bytes: int
) -> npt.NDArray[np.void]:
    """Return the signature of a document with its id: () of SIGNATURE_RECORD."""
    from rensa import RMinHash

    minhash = RMinHash(num_perm=SIGNATURE_LENGTH, seed=SEED)
    minhash.update(list_phrases(sentences))
    record = np.zeros((), SIGNATURE_RECORD)
    record["id"] = int(document_id[:16], 16), int(document_id[16:], 16)
    record["text_bytes"] = text_bytes
    record["signature"] = np.array(minhash.digest(), np.uint32).astype(np.uint16)
    return record


def band_keys(records: npt.NDArray[np.void], threshold: float) -> npt.NDArray[np.void]:
    """Return a KEY_RECORD for each band of each SIGNATURE_RECORD: a hash of the band's values.

    Only documents with a key in common are compared (Leskovec et al., Mining of Massive Datasets,
    3.4).
    """
    length = band_length(threshold)
    starts = range(0, SIGNATURE_LENGTH - length + 1, length)
    keys = np.zeros((len(starts), len(records)), KEY_RECORD)
    keys["id"] = records["id"]
    keys["band"] = np.arange(len(starts))[:, None]
    for band, begin in enumerate(starts):
        hashed = keys["key"][band]
        for column in records["signature"][:, begin : begin + length].T.astype(np.uint64):
            hashed *= np.uint64(0x9E3779B97F4A7C15)  # spreads the bits: 2^64 over the golden ratio
            hashed ^= hashed >> np.uint64(29)
            hashed += column
        hashed *= np.uint64(0x9E3779B97F4A7C15)  # also the bits that choose the bucket
    return keys.reshape(-1)


def band_length(threshold: float) -> int:
    """Return the longest band that misses hardly any pair at the threshold."""
    lengths = range(1, SIGNATURE_LENGTH + 1)
    fitting = [n for n in lengths if (1 - threshold**n) ** (SIGNATURE_LENGTH // n) <= MAX_MISS_RATE]
    return max(fitting, default=1)


def id_bucket(high: npt.NDArray[np.uint64]) -> Int64:
    """Return the id buckets of documents."""
    return shard_bucket((high >> np.uint64(48)).astype(np.int64))


def list_phrases(sentences: Sequence[str]) -> list[str]:
    """Return the phrases of a document, at least one; a phrase may span sentences."""
    text = " ".join(sentences)
    words = _WORD.findall(text.lower())
    if len(words) <= PHRASE_WORDS:
        return [" ".join(words) or text]
    last = len(words) - PHRASE_WORDS + 1
    return [" ".join(words[n : n + PHRASE_WORDS]) for n in range(last)]
