"""Document shards to token ids: one flat array, cut by sentences and documents."""

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from tfx_bsl.coders import example_coder

from components.records import read_records

Int32 = npt.NDArray[np.int32]
Int64 = npt.NDArray[np.int64]

CACHED_CHUNKS = 1 << 19  # entries; about 100 MB at most, and a language has fewer frequent words
CACHED_CHUNK_CHARS = 32  # longer chunks are rare in text with spaces and numerous in text without
LOCAL_NORMALIZERS = ("BertNormalizer", "Lowercase", "NFC", "StripAccents")
RECORDS_AT_ONCE = 4096  # documents decoded together


@dataclass(frozen=True)
class Corpus:
    """Tokenised documents.

    Every document has a sentence and every sentence has a token: what came out empty is counted
    in `skipped` and left out.

        ids               7 8 9 | 4 5 | 6         T tokens
        sentence_offsets  0       3     5   6     S + 1, into ids
        document_offsets  0             2   3     D + 1, into sentences
    """

    ids: Int32
    sentence_offsets: Int64
    document_offsets: Int64
    document_ids: list[bytes]  # D; equal ids stand beside each other
    skipped: dict[str, int]


class ChunkTokenizer:
    """Text to ids, remembering what the space-delimited chunks of the text became.

    BERT's normalisation and pre-tokenisation never look over a space, so a sentence's ids are
    those of its chunks, one after the other; and most chunks of a text were seen before.
    Only U+0020 divides: other white space is the tokenizer's to judge. A tokenizer that is built
    of other parts gets whole sentences.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._separator = " " if looks_at_chunks_only(tokenizer) else "\n"  # no sentence has one
        self._cache: dict[str, list[int]] = {"": []}

    def encode(self, texts: pa.Array) -> tuple[Int32, Int64]:
        """Encodes texts.

        Args:
            texts: (S,) Arrow `large_string`.

        Returns:
            ids: (T,), and offsets: (S + 1,) into them.
        """
        chunks = pc.split_pattern(texts, self._separator)
        indices, table = _dictionary(chunks.flatten())
        pieces = self._encode_chunks(table)
        lengths = np.fromiter((len(p) for p in pieces), np.int64, len(pieces))
        flat = np.fromiter(itertools.chain.from_iterable(pieces), np.int32, int(lengths.sum()))
        ids, chunk_offsets = gather_rows(flat, offsets_of(lengths), indices)
        return ids, chunk_offsets[chunks.offsets.to_numpy()]

    def _encode_chunks(self, chunks: list[str]) -> list[list[int]]:
        known = self._cache
        missing = [chunk for chunk in chunks if chunk not in known]
        encoded = self._tokenizer.encode_batch_fast(missing, add_special_tokens=False)
        fresh = {chunk: code.ids for chunk, code in zip(missing, encoded, strict=True)}
        pieces = [known[chunk] if chunk in known else fresh[chunk] for chunk in chunks]
        if len(known) < CACHED_CHUNKS:
            known.update((c, ids) for c, ids in fresh.items() if len(c) <= CACHED_CHUNK_CHARS)
        return pieces


def looks_at_chunks_only(tokenizer: Any) -> bool:
    """Whether a space in a text parts it for the tokenizer, whatever stands on both sides."""
    parts = json.loads(tokenizer.to_str())
    normalizer = parts["normalizer"] or {"type": "Sequence", "normalizers": []}
    steps = normalizer["normalizers"] if normalizer["type"] == "Sequence" else [normalizer]
    return (parts["pre_tokenizer"] or {}).get("type") == "BertPreTokenizer" and all(
        step["type"] in LOCAL_NORMALIZERS for step in steps
    )


def read_corpus(path: str, tokenizer: ChunkTokenizer) -> Corpus:
    """Reads and tokenises a document shard."""
    batches = _batches(read_records(path), RECORDS_AT_ONCE)
    return concatenate([_tokenize(records, tokenizer) for records in batches])


def concatenate(parts: list[Corpus]) -> Corpus:
    """Several corpora as one, in their order."""
    if len(parts) == 1:
        return parts[0]
    return Corpus(
        ids=np.concatenate([np.zeros(0, np.int32), *(p.ids for p in parts)]),
        sentence_offsets=_append_offsets([p.sentence_offsets for p in parts]),
        document_offsets=_append_offsets([p.document_offsets for p in parts]),
        document_ids=[name for p in parts for name in p.document_ids],
        skipped={
            name: sum(p.skipped[name] for p in parts)
            for name in ("empty_sentences", "empty_documents")
        },
    )


def gather_rows(flat: Int32, offsets: Int64, rows: Int64) -> tuple[Int32, Int64]:
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


def _dictionary(chunks: pa.Array) -> tuple[Int64, list[str]]:
    encoded = chunks.dictionary_encode()
    return encoded.indices.to_numpy().astype(np.int64), encoded.dictionary.to_pylist()


def _batches(records: Iterator[bytes], size: int) -> Iterator[list[bytes]]:
    while batch := list(itertools.islice(records, size)):
        yield batch


def _tokenize(records: list[bytes], tokenizer: ChunkTokenizer) -> Corpus:
    table = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    sentences = table.column(table.schema.get_field_index("sentences"))
    names = table.column(table.schema.get_field_index("document_id")).flatten().to_pylist()
    ids, offsets = tokenizer.encode(sentences.flatten().cast(pa.large_string()))
    full = np.diff(offsets) > 0  # sentences with a token
    kept_before = offsets_of(full.astype(np.int64))
    documents = kept_before[sentences.offsets.to_numpy() - sentences.offsets[0].as_py()]
    has_sentence = np.diff(documents) > 0
    return Corpus(
        ids=ids,
        sentence_offsets=np.concatenate([offsets[:1], offsets[1:][full]]),
        document_offsets=np.concatenate([documents[:1], documents[1:][has_sentence]]),
        document_ids=list(itertools.compress(names, has_sentence)),
        skipped={
            "empty_sentences": int((~full).sum()),
            "empty_documents": int((~has_sentence).sum()),
        },
    )


def _append_offsets(parts: list[Int64]) -> Int64:
    lengths = [np.diff(offsets) for offsets in parts]
    return offsets_of(np.concatenate([np.zeros(0, np.int64), *lengths]))
