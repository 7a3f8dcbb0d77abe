"""Tokenize sentences quickly: tokenize each distinct chunk of text once, and look up the rest.

A chunk is a piece of text that a tokenizer encodes independently of the text around it.
"""

import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from components.instance_gen.tokenizing.ragged import Int32, Int64, compute_offsets, gather_rows
from core.vocabulary.tokenizer_file import flatten_steps

CACHED_CHUNKS = 1 << 19  # entries, about 70 MB at most; a language has fewer frequent words
CACHED_CHUNK_CHARS = 32  # longer chunks are rare in text with spaces, and too many without


class ChunkTokenizer:
    """A tokenizer with a cache of the token ids of chunks.

    The ids of a sentence are the ids of its chunks, one after the other, and most chunks of a text
    repeat. A tokenizer for which this is not known to hold gets whole sentences.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._divide = find_divider(tokenizer) or _keep_whole
        self._rows: dict[str, int] = {}  # of the cached chunks, in the next two
        self._ids = np.zeros(0, np.int32)
        self._lengths = np.zeros(0, np.int64)

    def encode(self, texts: pa.Array) -> tuple[Int32, Int64]:
        """Encode texts (S,), an Arrow `large_string` without nulls.

        Returns:
            Token ids (T,), and the offset of each text in them (S + 1,).
        """
        chunks, first_chunks = self._divide(texts)
        encoded = chunks.dictionary_encode()
        rows, ids, lengths = self._encode_chunks(encoded.dictionary.to_pylist())
        ids, offsets = gather_rows(ids, compute_offsets(lengths), rows[encoded.indices.to_numpy()])
        return ids, offsets[first_chunks]

    def _encode_chunks(self, chunks: list[str]) -> tuple[Int64, Int32, Int64]:
        """Return the row of each chunk, the ids of all rows, and their lengths."""
        known = len(self._lengths)
        known_rows = map(self._rows.get, chunks, itertools.repeat(-1))
        rows = np.fromiter(known_rows, np.int64, len(chunks))
        missing = np.flatnonzero(rows < 0)
        texts = [chunks[place] for place in missing]
        encoded = self._tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        new = [encoding.ids for encoding in encoded]
        rows[missing] = np.arange(known, known + len(new))
        lengths = np.append(self._lengths, np.fromiter(map(len, new), np.int64, len(new)))
        flat = itertools.chain.from_iterable(new)
        ids = np.append(self._ids, np.fromiter(flat, np.int32, int(lengths[known:].sum())))
        if known < CACHED_CHUNKS:
            self._keep(texts, ids, lengths)
        return rows, ids, lengths

    def _keep(self, texts: list[str], ids: Int32, lengths: Int64) -> None:
        """Keep short new chunks, whose rows are the last ones."""
        known = len(self._lengths)
        is_short = np.fromiter(map(len, texts), np.int64, len(texts)) <= CACHED_CHUNK_CHARS
        kept = np.append(np.ones(known, np.bool_), is_short)
        short = itertools.compress(texts, is_short)
        self._rows.update(zip(short, itertools.count(known), strict=False))
        self._ids, self._lengths = ids[np.repeat(kept, lengths)], lengths[kept]


def _keep_whole(texts: pa.Array) -> tuple[pa.Array, Int64]:
    return texts, np.arange(len(texts) + 1)


Divider = Callable[[pa.Array], tuple[pa.Array, Int64]]

BERT_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFC", "StripAccents")
PIECE_NORMALIZERS = (*BERT_NORMALIZERS, "NFD", "NFKC", "NFKD", "Precompiled")
# SentencePiece's treatment of spaces: a run counts as one, and trailing spaces are dropped.
PIECE_SPACES = [
    {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
    {"type": "Replace", "pattern": {"Regex": " {2,}"}, "content": " "},
    {"type": "Strip", "strip_left": False, "strip_right": True},
]
PIECE_CUTS = {
    "type": "Metaspace",
    "replacement": "\u2581",
    "prepend_scheme": "always",
    "split": True,
}
# Spaces that a normalizer may keep, but that its Strip step removes.
OTHER_SPACES = "[\t-\r\x1c-\x1f\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]"

SPACE, PUNCTUATION, ALPHANUMERIC, OTHER = range(4)


def _byte_classes() -> npt.NDArray[np.uint8]:
    classes = np.full(256, OTHER, np.uint8)
    for byte in range(0x21, 0x7F):
        classes[byte] = ALPHANUMERIC if chr(byte).isalnum() else PUNCTUATION
    classes[0x20] = SPACE
    return classes


BYTE_CLASSES = _byte_classes()  # of UTF-8; OTHER: control characters and bytes beyond ASCII


def find_divider(tokenizer: Any) -> Divider | None:
    """Return how to divide text for a tokenizer; None if it may need whole sentences."""
    parts = json.loads(tokenizer.to_str())
    cuts, steps = parts["pre_tokenizer"] or {}, flatten_steps(parts["normalizer"])
    if cuts.get("type") == "BertPreTokenizer":
        is_local = all(step["type"] in BERT_NORMALIZERS for step in steps)
        return divide_at_punctuation if is_local else None
    ends = len(steps) - len(PIECE_SPACES)
    if cuts == PIECE_CUTS and steps[ends:] == PIECE_SPACES and all(map(_is_local, steps[:ends])):
        return divide_at_spaces
    return None


def _is_local(step: Mapping[str, Any]) -> bool:
    """Return whether a normalization step never depends on text beyond a space."""
    if step["type"] == "Replace":
        pattern = step["pattern"].get("String", " ")
        return not any(character.isspace() for character in pattern)
    return step["type"] in PIECE_NORMALIZERS


def divide_at_punctuation(texts: pa.Array) -> tuple[pa.Array, Int64]:
    """Divide texts at spaces, which are dropped, and around ASCII punctuation, which is kept.

    BERT's normalization and pre-tokenization never depend on text beyond either. A character that
    could combine with the punctuation mark before it (= and U+0338 become ≠) stays with the mark.

    Args:
        texts: (S,) Arrow `large_string`, no nulls.

    Returns:
        Chunks (C,), Arrow `large_string`, none empty; and the number of each text's first chunk
        (S + 1,).
    """
    if not len(texts):
        return texts, np.zeros(1, np.int64)
    data, bounds = _view_bytes(texts)
    kind = BYTE_CLASSES[data]
    before = np.concatenate([np.array([SPACE], np.uint8), kind[:-1]])
    begins = (before == SPACE) | (kind == PUNCTUATION) | ((before == PUNCTUATION) & (kind != OTHER))
    begins[bounds[:-1][np.diff(bounds) > 0]] = True
    is_text = kind != SPACE
    begins &= is_text
    begin = np.flatnonzero(begins)
    kept_before = np.cumsum(is_text) - is_text  # number of kept bytes before each byte
    offsets = np.append(kept_before[begin], is_text.sum())
    return _strings(data[is_text], offsets), np.searchsorted(begin, bounds)


def divide_at_spaces(texts: pa.Array) -> tuple[pa.Array, Int64]:
    """Divide texts before spaces, which stay with the chunk that follows.

    SentencePiece's first piece of a word includes the space, and an accent after a space must keep
    it. Texts with spaces other than U+0020 stay whole: such a space would be dropped at the end of
    a chunk, but may be kept inside a text.

    Args:
        texts: (S,) Arrow `large_string`, no nulls.

    Returns:
        The same as `divide_at_punctuation`.
    """
    if not len(texts):
        return texts, np.zeros(1, np.int64)
    data, bounds = _view_bytes(texts)
    is_plain = ~pc.match_substring_regex(texts, OTHER_SPACES).to_numpy(zero_copy_only=False)
    begins = (data == ord(" ")) & np.repeat(is_plain, np.diff(bounds))
    begins[bounds[:-1][np.diff(bounds) > 0]] = True
    begin = np.flatnonzero(begins)
    return _strings(data, np.append(begin, len(data))), np.searchsorted(begin, bounds)


def _view_bytes(texts: pa.Array) -> tuple[npt.NDArray[np.uint8], Int64]:
    """Return the bytes of all texts, and the offset of each text in them (S + 1,)."""
    _, offset_buffer, data_buffer = texts.buffers()
    bounds = np.frombuffer(offset_buffer, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(data_buffer or b"", np.uint8)[bounds[0] : bounds[-1]]
    return data, bounds - bounds[0]


def _strings(data: npt.NDArray[np.uint8], offsets: Int64) -> pa.Array:
    return pa.LargeStringArray.from_buffers(
        len(offsets) - 1, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))
    )
