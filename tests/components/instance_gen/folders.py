"""Write artifact folders of real English without the components of a pipeline."""

import functools
import hashlib
import re
from collections.abc import Sequence
from pathlib import Path
from pydoc_data.topics import topics

import pyarrow as pa
from tfx_bsl.coders import example_coder
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from components.records import write_records
from core.manifest import Manifest, describe_file, write_manifest
from core.vocabulary.vocabulary import Vocabulary, load_vocabulary
from tests.small_vocabulary import SPECIALS, write_small_vocabulary

Document = list[str]


@functools.cache
def real_documents() -> tuple[Document, ...]:
    """Return Python's language reference: one document per topic, in sentences, sorted by hash."""
    documents = []
    for text in topics.values():
        flat = " ".join(text.split())
        sentences = [s for s in re.split(r"(?<=[.!?:]) (?=[A-Z])", flat) if s]
        documents.append(sentences)
    return tuple(sorted(documents, key=document_id))


def document_id(sentences: Document) -> str:
    """Return a document's id: the first half of the sha256 of its sentences."""
    return hashlib.sha256(b"\n".join(s.encode() for s in sentences)).hexdigest()[:32]


def write_documents(folder: Path, splits: dict[str, Sequence[Sequence[Document]]]) -> Path:
    """Write a documents artifact from the documents of each shard of each split."""
    shards = {
        split: [
            write_records(
                str(folder),
                f"Split-{split}/documents-{n:05d}-of-{len(parts):05d}.tfrecord.gz",
                encode_documents(documents),
            )
            for n, documents in enumerate(parts)
        ]
        for split, parts in splits.items()
    }
    counts = {
        split: {"documents": sum(len(part) for part in parts)} for split, parts in splits.items()
    }
    write_manifest(str(folder), Manifest(kind="documents", shards=shards, counts=counts, facts={}))
    return folder


def encode_documents(documents: Sequence[Document]) -> list[bytes]:
    """Serialize documents as tf.Examples."""
    if not documents:
        return []
    columns = {
        "document_id": [[document_id(d).encode()] for d in documents],
        "sentences": [[s.encode() for s in d] for d in documents],
        "source": [[b"topics.txt"] for _ in documents],
    }
    kind = pa.large_list(pa.large_binary())
    batch = pa.RecordBatch.from_arrays([pa.array(c, kind) for c in columns.values()], [*columns])
    records: list[bytes] = example_coder.RecordBatchToExamplesEncoder(None).encode(batch)
    return records


@functools.cache
def trained_entries(size: int = 2000) -> tuple[str, ...]:
    """Return word pieces of the real documents, special tokens first."""
    tokenizer = Tokenizer(models.WordPiece(unk_token=SPECIALS[1]))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=SPECIALS, show_progress=False
    )
    tokenizer.train_from_iterator((s for d in real_documents() for s in d), trainer)
    return tuple(sorted(tokenizer.get_vocab(), key=tokenizer.token_to_id))


def write_vocabulary(folder: Path, entries: Sequence[str] | None = None) -> Path:
    """Write a vocabulary artifact with these entries, or those of the real documents."""
    write_small_vocabulary(folder, [*(entries or trained_entries())])
    files = [describe_file(str(folder), name) for name in ("vocab.txt", "tokenizer.json")]
    write_manifest(
        str(folder), Manifest(kind="vocabulary", shards={"all": files}, counts={}, facts={})
    )
    return folder


@functools.cache
def real_vocabulary(folder: Path) -> Vocabulary:
    """Return the vocabulary of the real documents, written to this folder."""
    return load_vocabulary(str(write_vocabulary(folder)))
