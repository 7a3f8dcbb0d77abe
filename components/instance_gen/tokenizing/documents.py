"""Read document shards and tokenize them into one flat array of ids."""

import itertools
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from tfx_bsl.coders import example_coder

from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer
from components.instance_gen.tokenizing.ragged import Int32, Int64, compute_offsets
from components.records import read_records

RECORDS_PER_BATCH = 256  # documents tokenized together; their bytes fit in a core's cache


@dataclass(frozen=True)
class TokenizedDocuments:
    """Tokenized documents, flat, with the offsets of sentences and documents.

    Every document has a sentence and every sentence has a token. Empty ones are left out and
    counted in `skipped`.

        ids               7 8 9 | 4 5 | 6         T tokens
        sentence_offsets  0       3     5   6     S + 1, into ids
        document_offsets  0             2   3     D + 1, into sentences
    """

    ids: Int32
    sentence_offsets: Int64
    document_offsets: Int64
    document_ids: list[bytes]  # D; equal ids are adjacent
    files: list[bytes]  # D; name of the file each document is from
    skipped: dict[str, int]


def read_documents(path: str, tokenizer: ChunkTokenizer) -> TokenizedDocuments:
    """Read and tokenize one shard of documents."""
    records, parts = read_records(path), []
    while batch := list(itertools.islice(records, RECORDS_PER_BATCH)):
        parts.append(_tokenize(batch, tokenizer))
    return concatenate(parts)


def concatenate(parts: list[TokenizedDocuments]) -> TokenizedDocuments:
    """Concatenate tokenized documents in order."""
    if len(parts) == 1:
        return parts[0]
    return TokenizedDocuments(
        ids=np.concatenate([np.zeros(0, np.int32), *(p.ids for p in parts)]),
        sentence_offsets=_concatenate_offsets([p.sentence_offsets for p in parts]),
        document_offsets=_concatenate_offsets([p.document_offsets for p in parts]),
        document_ids=[name for p in parts for name in p.document_ids],
        files=[name for p in parts for name in p.files],
        skipped={
            name: sum(p.skipped[name] for p in parts)
            for name in ("empty_sentences", "empty_documents")
        },
    )


def _tokenize(records: list[bytes], tokenizer: ChunkTokenizer) -> TokenizedDocuments:
    table = example_coder.ExamplesToRecordBatchDecoder().DecodeBatch(records)
    sentences = table.column(table.schema.get_field_index("sentences"))
    names = table.column(table.schema.get_field_index("document_id")).flatten().to_pylist()
    files = table.column(table.schema.get_field_index("source")).flatten().to_pylist()
    ids, offsets = tokenizer.encode(sentences.flatten().cast(pa.large_string()))
    has_token = np.diff(offsets) > 0  # by sentence
    kept_before = compute_offsets(has_token.astype(np.int64))
    documents = kept_before[sentences.offsets.to_numpy() - sentences.offsets[0].as_py()]
    has_sentence = np.diff(documents) > 0  # by document
    return TokenizedDocuments(
        ids=ids,
        sentence_offsets=np.concatenate([offsets[:1], offsets[1:][has_token]]),
        document_offsets=np.concatenate([documents[:1], documents[1:][has_sentence]]),
        document_ids=list(itertools.compress(names, has_sentence)),
        files=list(itertools.compress(files, has_sentence)),
        skipped={
            "empty_sentences": int((~has_token).sum()),
            "empty_documents": int((~has_sentence).sum()),
        },
    )


def _concatenate_offsets(parts: list[Int64]) -> Int64:
    lengths = [np.diff(offsets) for offsets in parts]
    return compute_offsets(np.concatenate([np.zeros(0, np.int64), *lengths]))
