"""Three artifact folders to what the report is made from: counts, histograms, a few records."""

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from components.records import read_records
from components.settings import ReportSettings
from core import storage
from core.errors import InputError
from core.manifest import Manifest, read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from core.vocabulary.wordpiece import VOCAB_FILE, parse_vocab

HISTOGRAMS = "histograms.json"
COUNTS_FILE = "token_counts.npy"
SAMPLE_BYTES = 64 << 20  # of records read for the sample, whatever number of documents it has

Record = dict[str, list[int] | list[float] | list[bytes]]


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """All that the report shows."""

    documents: Manifest
    vocabulary: Manifest
    instances: Manifest
    histograms: dict[str, dict[str, list[int]]]  # split to name to counts by value
    tokens: tuple[str, ...]  # the V pieces, in the order of their ids
    token_counts: NDArray[np.int64]  # [V], real tokens of the train split
    sentences_per_document: list[int]  # counts by value, over the sampled documents
    sampled_documents: int
    examples: list[Record]  # instances of the train split; empty unless text may be shown


def read_corpus(
    documents: str, vocabulary: str, instances: str, settings: ReportSettings
) -> Corpus:
    """Reads manifests and histograms whole, and a bounded sample of the records.

    The sample is the first records of the train split. Documents are in the order of the hash of
    their content and instances are shuffled, so the first ones are a random sample, and always
    the same one.

    Args:
        documents: folder of the documents.
        vocabulary: folder of the vocabulary.
        instances: folder of the instances.
        settings: how much is sampled, and whether text may be shown.

    Raises:
        InputError: a folder is not complete, or its parts disagree.
    """
    document_manifest, instance_manifest = read_manifest(documents), read_manifest(instances)
    lengths = [
        len(record.get("sentences", []))
        for record in sample_records(documents, document_manifest, settings.sample_documents)
    ]
    shown = settings.examples if settings.show_text else 0
    corpus = Corpus(
        documents=document_manifest,
        vocabulary=read_manifest(vocabulary),
        instances=instance_manifest,
        histograms=json.loads(storage.read_bytes(storage.join(instances, HISTOGRAMS))),
        tokens=read_tokens(vocabulary),
        token_counts=read_token_counts(instances),
        sentences_per_document=np.bincount(lengths).tolist() if lengths else [],
        sampled_documents=len(lengths),
        examples=list(sample_records(instances, instance_manifest, shown)),
    )
    if len(corpus.tokens) != len(corpus.token_counts):
        raise InputError(
            f"{instances}: {COUNTS_FILE} has {len(corpus.token_counts)} entries and the "
            f"vocabulary {vocabulary} has {len(corpus.tokens)}. "
            f"Report on instances with their own vocabulary."
        )
    return corpus


def read_tokens(vocabulary: str) -> tuple[str, ...]:
    """The vocabulary's pieces, in the order of their ids."""
    path = storage.join(vocabulary, VOCAB_FILE)
    if storage.exists(path):
        return parse_vocab(storage.read_bytes(path), path)
    return load_vocabulary(vocabulary).tokens  # SentencePiece has no such file


def read_token_counts(instances: str) -> NDArray[np.int64]:
    """(V,) int64: how often each id stands in the train split; never unpickles."""
    content = storage.read_bytes(storage.join(instances, COUNTS_FILE))
    counts: NDArray[np.int64] = np.load(io.BytesIO(content), allow_pickle=False)
    return counts


def sample_records(
    folder: str, manifest: Manifest, limit: int, split: str = "train"
) -> Iterator[Record]:
    """The first records of a split, `limit` at most and about `SAMPLE_BYTES` at most."""
    if limit < 1:
        return
    seen = size = 0
    for shard in manifest.shards[split]:
        for content in read_records(storage.join(folder, shard.path)):
            yield parse_record(content)
            seen, size = seen + 1, size + len(content)
            if seen >= limit or size >= SAMPLE_BYTES:
                return


def parse_record(content: bytes) -> Record:
    """A serialised tf.train.Example to a dict; features without values are empty lists."""
    import tensorflow as tf

    example = tf.train.Example.FromString(content)
    return {name: _values(feature) for name, feature in example.features.feature.items()}


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
