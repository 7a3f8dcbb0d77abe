"""Read what the report shows: counts, histograms and a few records of three artifacts."""

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
from core.file_names import HISTOGRAMS, TOKEN_COUNTS
from core.manifest import Manifest, read_manifest
from core.progress import show_progress
from core.vocabulary.vocabulary import read_tokens

SAMPLE_BYTES = 64 << 20  # upper bound for the records of a sample

Record = dict[str, list[int] | list[float] | list[bytes]]


@dataclass(frozen=True, kw_only=True)
class ReportData:
    """Everything that the report shows."""

    documents: Manifest
    vocabulary: Manifest
    instances: Manifest
    histograms: dict[str, dict[str, list[int]]]  # split, name, count of each value
    tokens: tuple[str, ...]  # the V pieces by id
    token_counts: NDArray[np.int64]  # (V,) real tokens of the train split
    sentences_per_document: list[int]  # count of each value, over the sampled documents
    sampled_documents: int
    examples: list[Record]  # instances of the train split; empty unless text may be shown


def read_report_data(
    documents: str, vocabulary: str, instances: str, settings: ReportSettings
) -> ReportData:
    """Read manifests and histograms, and a bounded sample of the records.

    The sample is the first records of the train split. Documents are in the order of the hash of
    their content and instances are shuffled, so the first ones are a random sample, and it is
    always the same.

    Raises:
        InputError: a folder is incomplete, or the vocabulary is not that of the instances.
    """
    if (path_and_tokens := read_tokens(vocabulary)) is None:
        raise InputError(f"{vocabulary}: no vocabulary. Run again to write it again.")
    document_manifest, instance_manifest = read_manifest(documents), read_manifest(instances)
    lengths = [
        len(record.get("sentences", []))
        for record in sample_records(documents, document_manifest, settings.sample_documents)
    ]
    num_examples = settings.examples if settings.show_text else 0
    data = ReportData(
        documents=document_manifest,
        vocabulary=read_manifest(vocabulary),
        instances=instance_manifest,
        histograms=json.loads(storage.read_bytes(storage.join(instances, HISTOGRAMS))),
        tokens=path_and_tokens[1],
        token_counts=read_token_counts(instances),
        sentences_per_document=np.bincount(lengths).tolist() if lengths else [],
        sampled_documents=len(lengths),
        examples=list(sample_records(instances, instance_manifest, num_examples)),
    )
    if len(data.tokens) != len(data.token_counts):
        raise InputError(
            f"{instances}: {TOKEN_COUNTS} has {len(data.token_counts)} entries, but the vocabulary "
            f"{vocabulary} has {len(data.tokens)}. Report on instances with their own vocabulary."
        )
    return data


def read_token_counts(instances: str) -> NDArray[np.int64]:
    """Return how often each id occurs in the train split: (V,) int64. Never unpickles."""
    content = storage.read_bytes(storage.join(instances, TOKEN_COUNTS))
    counts: NDArray[np.int64] = np.load(io.BytesIO(content), allow_pickle=False)
    return counts


def sample_records(folder: str, manifest: Manifest, limit: int) -> Iterator[Record]:
    """Yield the first records of the train split, at most `limit` and about `SAMPLE_BYTES`."""
    if limit < 1:
        return
    count = size = 0
    total = min(limit, sum(shard.records for shard in manifest.shards["train"]))
    with show_progress("CorpusReportGen", manifest.kind, total) as advance:
        for shard in manifest.shards["train"]:
            for content in read_records(storage.join(folder, shard.path)):
                yield parse_record(content)
                count, size = count + 1, size + len(content)
                advance(1)
                if count >= limit or size >= SAMPLE_BYTES:
                    return


def parse_record(content: bytes) -> Record:
    """Parse a serialized tf.train.Example; features without values are empty lists."""
    import tensorflow as tf

    example = tf.train.Example.FromString(content)
    return {name: _values(feature) for name, feature in example.features.feature.items()}


def _values(feature: Any) -> list[Any]:
    kind = feature.WhichOneof("kind")
    return list(getattr(feature, kind).value) if kind else []
