"""The units' results to what stands beside the shards: manifest, histograms, counts, schema."""

import io
import json
from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue

from components.instance_gen.counting import add_counts, add_histograms
from components.instance_gen.objective import LABELS, NO_LABEL
from components.instance_gen.schema import dynamic_schema, schema_text, static_schema
from components.settings import InstanceSettings
from core import storage
from core.errors import InputError
from core.manifest import MANIFEST, Manifest, Shard, describe_file, read_manifest, write_manifest
from trainer.input.instances import TOKEN_COUNTS

Results = dict[str, list[dict[str, Any]]]  # of the units, by split
HISTOGRAMS = "histograms.json"
MOST_WITHOUT_PAIR = 0.5  # share of documents; more of them are no corpus for pairs


def publish(folder: str, results: Results, facts: dict[str, JsonValue]) -> Manifest:
    """Sums up the units and writes `token_counts.npy`, `histograms.json` and the manifest.

    Args:
        folder: of the instances; the shards are there.
        results: what `write_shard` returned, in order, for each split.
        facts: of the manifest.

    Raises:
        InputError: a split holds no instance, or most documents have no pair.
    """
    counts = {s: add_counts(r["counts"] for r in parts) for s, parts in results.items()}
    for split, numbers in counts.items():
        check_counts(split, numbers)
    histograms = {s: add_histograms(r["histograms"] for r in p) for s, p in results.items()}
    content = json.dumps(histograms, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, HISTOGRAMS), content.encode())
    _write_token_counts(folder, [r["token_counts"] for r in results.get("train", [])])
    manifest = Manifest(
        kind="instances",
        shards={s: [Shard(**r["shard"]) for r in parts] for s, parts in results.items()},
        files=[describe_file(folder, name) for name in (HISTOGRAMS, TOKEN_COUNTS)],
        counts=counts,
        facts=facts,
    )
    write_manifest(folder, manifest)
    return manifest


def check_counts(split: str, counts: dict[str, int]) -> None:
    """Refuses instances that nobody could train on.

    Raises:
        InputError: there is none, or most documents were left out because they have no pair.
    """
    documents, alone = counts["documents"], counts["single_sentence_documents"]
    if "no_pair" in counts and alone > MOST_WITHOUT_PAIR * documents:
        raise InputError(
            f"{alone} of the {documents} documents of split {split!r} have one sentence, so they "
            "have no next one. Put blank lines between documents and not between sentences, or "
            "set instances.objective=none."
        )
    if not counts.get("instances"):
        raise InputError(
            f"The {documents} documents of split {split!r} give no instance. Add text, or set "
            "instances.objective=none."
        )


def copy_vocabulary(source: str, target: str) -> None:
    """Copies a vocabulary's files, its manifest last, so that instances explain themselves."""
    manifest = read_manifest(source)
    for shard in (shard for shards in manifest.shards.values() for shard in shards):
        content = storage.read_bytes(storage.join(source, shard.path))
        storage.write_bytes(storage.join(target, shard.path), content)
    content = storage.read_bytes(storage.join(source, MANIFEST))
    storage.write_bytes(storage.join(target, MANIFEST), content)


def write_schema(
    folder: str, settings: InstanceSettings, max_predictions: int, vocab_size: int
) -> None:
    """Writes `schema.pbtxt`, the exact schema of these instances."""
    label = LABELS.get(settings.objective)
    ranges = {"classes": settings.sequence_classes, "segment_types": settings.segment_types}
    if settings.form == "static":
        schema = static_schema(
            settings.seq_length, max_predictions, vocab_size, label or NO_LABEL, **ranges
        )
    else:
        schema = dynamic_schema(settings.seq_length, vocab_size, label, **ranges)
    storage.write_bytes(storage.join(folder, "schema.pbtxt"), schema_text(schema))


def _write_token_counts(folder: str, paths: Sequence[str]) -> None:
    total = sum(np.load(io.BytesIO(storage.read_bytes(p)), allow_pickle=False) for p in paths)
    content = io.BytesIO()
    np.save(content, np.asarray(total, np.int64), allow_pickle=False)
    storage.write_bytes(storage.join(folder, TOKEN_COUNTS), content.getvalue())
