"""Measure InstanceGen's time per stage, and compare it with lower bounds.

python -m tests.benchmarks.instance_gen_stages DOCUMENT_SHARD VOCABULARY
"""

import functools
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np
import pyarrow as pa
import tensorflow as tf
from isal import isal_zlib
from tfx_bsl.coders import example_coder

from components.example_bytes import encode_examples
from components.instance_gen.masking import mask_batch
from components.instance_gen.pairing.assemble import assemble, ordinary_ids
from components.instance_gen.pairing.segment_pairs import pair_next_sentences
from components.instance_gen.pairing.token_ranges import TokenRanges, Walk
from components.instance_gen.tokenizing.chunk_tokenizer import ChunkTokenizer
from components.instance_gen.tokenizing.documents import read_documents
from components.instance_gen.write_shard import BATCH_INSTANCES
from components.instance_gen.writing.counters import InstanceCounter
from components.instance_gen.writing.encode import static_features
from components.records import GZIP_LEVEL, GZIP_WINDOW
from core.draw import draw
from core.vocabulary.vocabulary import load_vocabulary
from trainer.settings.masking import MaskingSettings

T = TypeVar("T")
SEQ_LENGTH, MAX_PREDICTIONS, COPIES = 128, 20, 10
TRIES = 9  # the fastest counts, because other processes can only add time


def measure(name: str, instances: int, work: Callable[[], T], tries: int = TRIES) -> T:
    """Print the microseconds per instance of a stage, and return its result."""
    seconds = []
    for _ in range(tries):
        begin = time.perf_counter()
        result = work()
        seconds.append(time.perf_counter() - begin)
    sys.stdout.write(f"{name:44} {min(seconds) / instances * 1e6:8.2f} us per instance\n")
    return result


def main(documents: str, vocabulary_folder: str) -> None:
    """Measure each stage on one shard of documents."""
    vocabulary = load_vocabulary(vocabulary_folder)
    tokenizer = ChunkTokenizer(vocabulary.tokenizer())
    corpus = read_documents(documents, tokenizer)
    own = (0, len(corpus.document_ids))

    def pair() -> TokenRanges:
        return pair_next_sentences(corpus, own, Walk(SEQ_LENGTH, 0.1, COPIES, draw(0, "pairs")))[0]

    ranges = pair()
    total = len(ranges)

    def tokenize_uncached() -> object:
        return read_documents(documents, ChunkTokenizer(vocabulary.tokenizer()))

    measure("reading and tokenizing, empty cache", total, tokenize_uncached, 2)
    measure(
        "reading and tokenizing, full cache", total, lambda: read_documents(documents, tokenizer)
    )
    measure("pairing", total, pair, 2)
    rows = ranges.take(np.arange(BATCH_INSTANCES))
    n = len(rows)
    batch = measure("assembling", n, lambda: assemble(corpus.ids, rows, SEQ_LENGTH, vocabulary))
    random_ids = ordinary_ids(vocabulary)
    for unit in ("ngram", "word", "token"):
        mask = functools.partial(
            mask_batch,
            batch,
            masking=MaskingSettings(unit=unit),
            max_predictions=MAX_PREDICTIONS,
            mask_id=vocabulary.mask_id,
            random_ids=random_ids,
            rng=draw(0, "mask"),
        )
        masked = measure(f"masking by {unit}", n, mask)
    counter = InstanceCounter(SEQ_LENGTH, MAX_PREDICTIONS)
    measure("counting", n, lambda: counter.add_masks(batch, masked, vocabulary.mask_id))
    frames, _ = measure(
        "encoding and framing",
        n,
        lambda: encode_examples(static_features(batch, masked, "next_sentence_labels")),
    )
    measure("gzip by ISA-L", n, lambda: deflate(frames))
    columns = [masked.input_ids, batch.input_mask, batch.segment_ids, masked.positions]
    columns += [masked.ids, masked.weights, batch.label[:, None]]
    records = measure("lower bound: tfx_bsl's encoder", n, lambda: encode_by_tfx(columns))
    measure("lower bound: TFRecordWriter, gzip", n, lambda: write_by_tensorflow(records))


def deflate(frames: bytes) -> bytes:
    """Compress frames as our writer does."""
    stream = isal_zlib.compressobj(GZIP_LEVEL, isal_zlib.DEFLATED, GZIP_WINDOW)
    return stream.compress(frames) + stream.flush()


def write_by_tensorflow(records: Sequence[bytes]) -> None:
    """Write frames, checksums and gzip with TensorFlow's own writer."""
    with (
        tempfile.NamedTemporaryFile() as file,
        tf.io.TFRecordWriter(file.name, options="GZIP") as writer,
    ):
        for record in records:
            writer.write(record)


def encode_by_tfx(columns: Sequence[np.ndarray]) -> list[bytes]:
    """Encode the same features with `tfx_bsl`, whose order of features varies."""
    arrays = []
    for matrix in columns:
        offsets = np.arange(len(matrix) + 1) * matrix.shape[1]
        values = matrix.reshape(-1)
        values = values if values.dtype == np.float32 else values.astype(np.int64)
        arrays.append(pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values)))
    batch = pa.RecordBatch.from_arrays(arrays, [f"feature_{n}" for n in range(len(arrays))])
    records: list[bytes] = example_coder.RecordBatchToExamplesEncoder(None).encode(batch)
    return records


if __name__ == "__main__":
    main(*sys.argv[1:])
