"""Sentences to token ids: each distinct word is tokenised once, and the rest is looking up."""

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from components.instance_gen.dividing import find_divider

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

CACHED_CHUNKS = 1 << 19  # entries; about 100 MB at most, and a language has fewer frequent words
CACHED_CHUNK_CHARS = 32  # longer chunks are rare in text with spaces and numerous in text without


class ChunkTokenizer:
    """Text to ids, remembering what the chunks of the text became.

    A sentence's ids are those of its chunks, one after the other, and most chunks of a text were
    seen before. A tokenizer of which that is not known gets whole sentences.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._divide = find_divider(tokenizer) or _leave_whole
        self._known: dict[str, list[int]] = {}

    def encode(self, texts: pa.Array) -> tuple[Int32, Int64]:
        """Encodes texts.

        Args:
            texts: (S,) Arrow `large_string`, no nulls.

        Returns:
            ids: (T,), and offsets: (S + 1,) into them.
        """
        chunks, first_chunks = self._divide(texts)
        encoded = chunks.dictionary_encode()
        pieces = self._encode_chunks(encoded.dictionary.to_pylist())
        lengths = np.fromiter((len(p) for p in pieces), np.int64, len(pieces))
        flat = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, int(lengths.sum()))
        ids, offsets = gather_rows(flat, offsets_of(lengths), encoded.indices.to_numpy())
        return ids, offsets[first_chunks]

    def _encode_chunks(self, chunks: list[str]) -> list[list[int]]:
        known = self._known
        missing = [chunk for chunk in chunks if chunk not in known]
        encoded = self._tokenizer.encode_batch_fast(missing, add_special_tokens=False)
        fresh = {chunk: code.ids for chunk, code in zip(missing, encoded, strict=True)}
        pieces = [known[chunk] if chunk in known else fresh[chunk] for chunk in chunks]
        if len(known) < CACHED_CHUNKS:
            known.update((c, ids) for c, ids in fresh.items() if len(c) <= CACHED_CHUNK_CHARS)
        return pieces


def _leave_whole(texts: pa.Array) -> tuple[pa.Array, Int64]:
    return texts, np.arange(len(texts) + 1)


def gather_rows(flat: Int32, offsets: Int64, rows: npt.NDArray[Any]) -> tuple[Int32, Int64]:
    """Takes rows of a ragged array.

    Args:
        flat: (T,) values.
        offsets: (R + 1,) where each row begins in `flat`.
        rows: (n,) the rows wanted.

    Returns:
        values and offsets (n + 1,) of the rows taken.
    """
    lengths = np.diff(offsets)[rows]
    taken = offsets_of(lengths)
    index = np.repeat(offsets[rows] - taken[:-1], lengths) + np.arange(taken[-1])
    return flat[index], taken


def offsets_of(lengths: Int64) -> Int64:
    """Lengths (n,) to offsets (n + 1,)."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets
