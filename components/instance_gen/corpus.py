"""Document shards to token ids: one flat array, cut by sentences and documents."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tfx_bsl.coders import example_coder

from components.instance_gen.tokenizing import ChunkTokenizer, Int32, Int64, offsets_of
from components.records import read_records

RECORDS_AT_ONCE = 256  # documents tokenised together; their bytes stay in the cache of the core


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
