"""Find the most frequent of many texts in bounded memory, in columns."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Int64 = npt.NDArray[np.int64]
VALUES_KEPT = 8192  # the most frequent ones; TFDV shows 1,000
COUNTED_TIMES = 32  # as many are counted before the others are dropped
WAITING_TIMES = 2  # as many wait before they are counted, because known ones are hashed each time


class FrequentTexts:
    """Counts of texts, of which the rare ones are dropped whenever there are too many.

    Texts are counted when many have come. What is dropped does not depend on that: rare texts are
    dropped at the end of the first block after which more than `COUNTED_TIMES * VALUES_KEPT`
    distinct ones are known.
    """

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._texts = pa.array([], pa.large_utf8())  # distinct
        self._counts = np.zeros(0, np.int64)
        self._blocks: list[pa.Array] = []  # not counted yet
        self._waiting = 0

    def add(self, texts: pa.Array) -> None:
        """Count a block of texts, `large_utf8` without nulls."""
        if len(texts):
            self._blocks.append(texts)
            self._waiting += len(texts)
        if self._waiting > WAITING_TIMES * COUNTED_TIMES * VALUES_KEPT:
            self._count()

    def most_frequent(self) -> dict[str, int]:
        """Return the most frequent texts, and of equally frequent ones the last in order."""
        self._count()
        texts, counts = _select(self._texts, self._counts)
        return dict(zip(texts.to_pylist(), counts.tolist(), strict=True))

    def _count(self) -> None:
        blocks, self._blocks, self._waiting = self._blocks, [], 0
        while blocks:
            encoded = pa.concat_arrays([self._texts, *blocks]).dictionary_encode()
            numbers = encoded.indices.to_numpy()  # in the order in which they first occur
            ends = len(self._texts) + np.cumsum([len(block) for block in blocks])
            distinct = np.maximum.accumulate(numbers)[ends - 1] + 1
            too_many = np.flatnonzero(distinct > COUNTED_TIMES * VALUES_KEPT)
            last = too_many[0] if len(too_many) else len(blocks) - 1
            counts = np.bincount(numbers[len(self._texts) : ends[last]], minlength=distinct[last])
            counts[: len(self._counts)] += self._counts
            self._texts, self._counts = encoded.dictionary[: len(counts)], counts
            if len(too_many):
                self._texts, self._counts = _select(self._texts, self._counts)
            blocks = blocks[last + 1 :]


def _select(texts: pa.Array, counts: Int64) -> tuple[pa.Array, Int64]:
    """Return the texts to keep, the most frequent first, with their counts."""
    table = pa.table({"text": texts, "count": counts})
    keys = [("count", "descending"), ("text", "descending")]
    chosen = table.take(pc.select_k_unstable(table, k=VALUES_KEPT, sort_keys=keys))
    return chosen["text"].combine_chunks(), chosen["count"].to_numpy()
