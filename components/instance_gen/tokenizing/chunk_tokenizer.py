"""Tokenize sentences quickly: tokenize each distinct chunk of text once, and look up the rest."""

import itertools
from typing import Any

import numpy as np
import pyarrow as pa

from components.instance_gen.tokenizing.divide_text import find_divider
from components.instance_gen.tokenizing.ragged import Int32, Int64, gather_rows, offsets_of

CACHED_CHUNKS = 1 << 19  # entries, about 100 MB at most; a language has fewer frequent words
CACHED_CHUNK_CHARS = 32  # longer chunks are rare in text with spaces, and too many without


class ChunkTokenizer:
    """A tokenizer with a cache of the token ids of chunks.

    The ids of a sentence are the ids of its chunks, one after the other, and most chunks of a text
    repeat. A tokenizer for which this is not known to hold gets whole sentences.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._divide = find_divider(tokenizer) or _keep_whole
        self._cache: dict[str, list[int]] = {}

    def encode(self, texts: pa.Array) -> tuple[Int32, Int64]:
        """Encode texts.

        Args:
            texts: (S,) Arrow `large_string` without nulls.

        Returns:
            Token ids (T,), and the offset of each text in them (S + 1,).
        """
        chunks, first_chunks = self._divide(texts)
        encoded = chunks.dictionary_encode()
        pieces = self._encode_chunks(encoded.dictionary.to_pylist())
        lengths = np.fromiter((len(p) for p in pieces), np.int64, len(pieces))
        flat = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, int(lengths.sum()))
        ids, offsets = gather_rows(flat, offsets_of(lengths), encoded.indices.to_numpy())
        return ids, offsets[first_chunks]

    def _encode_chunks(self, chunks: list[str]) -> list[list[int]]:
        cache = self._cache
        missing = [chunk for chunk in chunks if chunk not in cache]
        encoded = self._tokenizer.encode_batch_fast(missing, add_special_tokens=False)
        new = {chunk: code.ids for chunk, code in zip(missing, encoded, strict=True)}
        pieces = [cache[chunk] if chunk in cache else new[chunk] for chunk in chunks]
        if len(cache) < CACHED_CHUNKS:
            cache.update((c, ids) for c, ids in new.items() if len(c) <= CACHED_CHUNK_CHARS)
        return pieces


def _keep_whole(texts: pa.Array) -> tuple[pa.Array, Int64]:
    return texts, np.arange(len(texts) + 1)
