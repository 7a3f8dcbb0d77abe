"""Write a folder of documents with TensorFlow's own protocol buffers."""

from collections.abc import Callable, Sequence
from pathlib import Path

import tensorflow as tf

from components.records import write_records
from components.unit_work import Result, Unit
from core.manifest import Manifest, write_manifest


def write_documents(folder: Path, documents: Sequence[Sequence[str]], num_shards: int = 2) -> Path:
    """Write the train split."""
    shards = [
        write_records(
            str(folder),
            f"Split-train/documents-{n:05d}-of-{num_shards:05d}.tfrecord.gz",
            [record_of(document) for document in documents[n::num_shards]],
        )
        for n in range(num_shards)
    ]
    manifest = Manifest(kind="documents", shards={"train": shards}, counts={}, facts={})
    write_manifest(str(folder), manifest)
    return folder


def process_here(work: Callable[[Unit], Result], units: Sequence[Unit], _: str) -> list[Result]:
    """Process units of work in this process."""
    return [work(unit) for unit in units]


def record_of(sentences: Sequence[str]) -> bytes:
    """Return the record of a document."""
    values = tf.train.BytesList(value=[sentence.encode() for sentence in sentences])
    feature = {"sentences": tf.train.Feature(bytes_list=values)}
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
