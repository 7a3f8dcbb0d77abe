"""Provide valid inputs for each target: a fuzzer cannot find JSON without an example.

The first byte selects a case; see the targets.
"""

import bz2
import gzip
import io
import json
import lzma
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors.numpy

from components.text_example_gen.documents import encode_document
from components.vocabulary_gen.importing import FILES
from tests.fuzz.targets import CONFIG_OF_A_BERT, FORMATS
from tests.real_text import ENGLISH, KOREAN
from tests.small_pieces import train_spiece
from tests.small_vocabulary import write_small_vocabulary

RECIPE = Path(__file__).parents[1] / "pipelines/tiny.yaml"
UNTABLED = {"normalization_rule_name": "identity"}  # the default table has 240 kB


def seeds(target: str) -> Iterator[bytes]:
    """Yield the valid inputs of a target."""
    if target == "text":
        content = "\n\n".join("\n".join(d[:2]) for d in (*ENGLISH[:2], *KOREAN[:2])).encode()
        yield from (bytes([choice]) + content for choice in range(8))
    if target == "formats":
        for number, name in enumerate(FORMATS):
            content = _write_format(name)
            yield from (bytes([number | choice]) + content for choice in (0, 8, 16, 24))
    if target == "records":
        documents = [*ENGLISH[:2], *KOREAN[:2]]
        records = [encode_document(f"{n:032x}", d[:2], "a.txt") for n, d in enumerate(documents)]
        yield from (b"\2" + record for record in records)
    if target == "vocabulary":
        yield from _vocabulary_files()
    if target == "model":
        for kind in ("bert", "albert", "electra"):
            config = {**CONFIG_OF_A_BERT, "model_type": kind, "embedding_size": 16}
            yield b"\0" + json.dumps(config).encode()
        yield b"\1" + safetensors.numpy.save({"a": np.zeros((2, 2), np.float32)})
    if target == "manifest":
        shards = {"train": [{"path": "a", "records": 1, "size_bytes": 2, "sha256": "00"}]}
        counts = {"train": {"n": 1}}
        yield json.dumps({"kind": "a", "shards": shards, "counts": counts, "facts": {}}).encode()
    if target == "recipe":
        yield RECIPE.read_bytes()
        yield from (f"{line}\n".encode() for line in RECIPE.read_text("utf-8").splitlines())
    if target == "override":
        for setting in ("trainer.steps=20", "masking={rate: 0.2}", "text=[a, b]", "seed=0x1f"):
            yield setting.encode()


def _write_format(name: str) -> bytes:
    rows = [{"id": n, "url": "a", "text": "\n".join(d[:2])} for n, d in enumerate(ENGLISH[:2])]
    jsonl = "".join(json.dumps(row) + "\n" for row in rows).encode()
    if name.endswith(".parquet"):
        buffer = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(rows), buffer)
        return buffer.getvalue()
    if name.endswith(".csv"):
        return b'id,url,text\n1,a,"One, ""two""\nlines."\n'
    compress = {
        ".bz2": bz2.compress,
        ".xz": lzma.compress,
        ".zst": lambda content: pa.compress(content, "zstd", asbytes=True),
        ".gz": gzip.compress,
    }.get(Path(name).suffix, bytes)
    return compress(jsonl)


def _vocabulary_files() -> Iterator[bytes]:
    with tempfile.TemporaryDirectory() as folder:
        write_small_vocabulary(Path(folder))
        for number, name in enumerate(FILES):
            path = Path(folder, name)
            if path.exists():
                yield bytes([number]) + path.read_bytes()
    yield bytes([FILES.index("spiece.model")]) + train_spiece(size=120, **UNTABLED)
    yield bytes([FILES.index("tokenizer_config.json")]) + b'{"do_lower_case": true}'
