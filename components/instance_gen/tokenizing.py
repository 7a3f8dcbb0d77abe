"""Sentences to token ids: each distinct word is tokenised once, and the rest is looking up."""

import itertools
import json
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

CACHED_CHUNKS = 1 << 19  # entries; about 100 MB at most, and a language has fewer frequent words
CACHED_CHUNK_CHARS = 32  # longer chunks are rare in text with spaces and numerous in text without
LOCAL_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFC", "StripAccents")
SPACE, PUNCTUATION, ALPHANUMERIC, OTHER = range(4)


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, OTHER, np.uint8)
    for byte in range(0x21, 0x7F):
        classes[byte] = ALPHANUMERIC if chr(byte).isalnum() else PUNCTUATION
    classes[0x20] = SPACE
    return classes


BYTE_CLASSES = _byte_classes()  # of UTF-8; OTHER: control characters, and all beyond ASCII


class ChunkTokenizer:
    """Text to ids, remembering what the chunks of the text became.

    BERT's normalisation and pre-tokenisation never look over a space or over ASCII punctuation,
    so a sentence's ids are those of the chunks between, one after the other; and most chunks of a
    text were seen before. What could compose with a punctuation mark before it (U+0338 makes ≠ of
    =) stays with it. A tokenizer that is built of other parts gets whole sentences.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._divides = looks_at_chunks_only(tokenizer)
        self._known: dict[str, list[int]] = {}

    def encode(self, texts: pa.Array) -> tuple[Int32, Int64]:
        """Encodes texts.

        Args:
            texts: (S,) Arrow `large_string`, no nulls.

        Returns:
            ids: (T,), and offsets: (S + 1,) into them.
        """
        chunks, first_chunks = (
            divide(texts) if self._divides else (texts, np.arange(len(texts) + 1))
        )
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


def looks_at_chunks_only(tokenizer: Any) -> bool:
    """Whether a space or punctuation parts a text for the tokenizer, whatever stands around."""
    parts = json.loads(tokenizer.to_str())
    normalizer = parts["normalizer"] or {"type": "Sequence", "normalizers": []}
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    return (parts["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer" and all(
        step["type"] in LOCAL_NORMALIZERS for step in steps
    )


def divide(texts: pa.Array) -> tuple[pa.Array, Int64]:
    """Cuts texts at spaces, which go, and around ASCII punctuation, which stays.

    Args:
        texts: (S,) Arrow `large_string`, no nulls.

    Returns:
        chunks: (C,) Arrow `large_string`, none empty, and which of them is the first of each
        text: (S + 1,).
    """
    if not len(texts):
        return texts, np.zeros(1, np.int64)
    _, offset_buffer, data_buffer = texts.buffers()
    bounds = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)[bounds[0] : bounds[-1]]
    kind = BYTE_CLASSES[data]
    before = np.concatenate([np.array([SPACE], np.uint8), kind[:-1]])
    begins = (before == SPACE) | (kind == PUNCTUATION) | ((before == PUNCTUATION) & (kind != OTHER))
    begins[(bounds - bounds[0])[:-1][np.diff(bounds) > 0]] = True
    is_text = kind != SPACE
    begins &= is_text
    begin = np.flatnonzero(begins)
    kept_before = np.cumsum(is_text) - is_text  # bytes that stay before each byte
    offsets = np.append(kept_before[begin], is_text.sum())
    chunks = pa.LargeStringArray.from_buffers(
        len(begin), pa.py_buffer(offsets), pa.py_buffer(data[is_text])
    )
    return chunks, np.searchsorted(begin, bounds - bounds[0])


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
