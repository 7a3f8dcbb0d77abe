"""Publish instances with a manifest, histograms, token counts and a schema."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue
from tfx import types
from tfx.components.util import examples_utils
from tfx.proto import example_gen_pb2
from tfx.types import artifact_utils

from components.instance_gen.pairing.objective import LABELS, NO_LABEL
from components.instance_gen.tokenizing.ragged import Int64
from components.instance_gen.writing.counters import add_counts, add_histograms
from components.instance_gen.writing.plan import ShardContext
from components.instance_gen.writing.schema import dynamic_schema, schema_text, static_schema
from components.statistics_gen.value_counts import VALUE_COUNTS, sum_value_counts
from core import storage
from core.errors import InputError
from core.manifest import Manifest, Shard, describe_file, write_manifest
from core.temporary import SCRATCH
from core.vocabulary.vocabulary import Vocabulary
from trainer.input.instances import TOKEN_COUNTS

Units = Sequence[Mapping[str, Any]]
MapUnits = Callable[
    [Callable[[dict[str, Any]], dict[str, Any]], Sequence[dict[str, Any]], str],
    list[dict[str, Any]],
]
ADDED_AT_ONCE = 512  # token counts, each as long as the vocabulary
HISTOGRAMS = "histograms.json"
MAX_UNPAIRABLE_SHARE = 0.5  # of documents; a corpus with more is not suited to pairs


def publish_instances(
    context: ShardContext,
    splits: Sequence[str],
    units: Units,
    results: Units,
    facts: dict[str, JsonValue],
    map_units: MapUnits,
) -> Manifest:
    """Sum up the results, write the files beside the shards and, last, the manifest.

    `map_units` applies a function to units of work; it takes function, units and a scratch folder.

    Raises:
        InputError: a split has no instances, or most documents have no pair.
    """
    by_split = _group_by_split(splits, units, results)
    counts = {s: add_counts(r["counts"] for r in parts) for s, parts in by_split.items()}
    for split, numbers in counts.items():
        check_counts(split, numbers)
    histograms = {s: add_histograms(r["histograms"] for r in p) for s, p in by_split.items()}
    content = json.dumps(histograms, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(context.output, HISTOGRAMS), content.encode())
    of_shards = [result["token_counts"] for result in by_split.get("train", [])]
    target = storage.join(context.output, TOKEN_COUNTS)
    add_token_counts({"paths": _combine(of_shards, context, map_units), "target": target})
    value_counts = {s: [r["value_counts"] for r in parts] for s, parts in by_split.items()}
    storage.write_bytes(storage.join(context.output, VALUE_COUNTS), sum_value_counts(value_counts))
    names = (HISTOGRAMS, TOKEN_COUNTS, VALUE_COUNTS)
    manifest = Manifest(
        kind="instances",
        shards={s: [Shard(**r["shard"]) for r in parts] for s, parts in by_split.items()},
        files=[describe_file(context.output, name) for name in names],
        counts=counts,
        facts=facts,
    )
    write_manifest(context.output, manifest)
    storage.remove_tree(storage.join(context.output, SCRATCH))
    return manifest


def _group_by_split(
    splits: Sequence[str], units: Units, results: Units
) -> dict[str, list[Mapping[str, Any]]]:
    by_split: dict[str, list[Mapping[str, Any]]] = {split: [] for split in splits}
    for unit, result in zip(units, results, strict=True):
        by_split[unit["split"]].append(result)
    return by_split


def check_counts(split: str, counts: dict[str, int]) -> None:
    """Reject instances that are unusable for training.

    Raises:
        InputError: there are none, or most documents were left out because they have no pair.
    """
    documents, alone = counts["documents"], counts["single_sentence_documents"]
    if "no_pair" in counts and alone > MAX_UNPAIRABLE_SHARE * documents:
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


def write_schema(folder: str, context: ShardContext, vocabulary: Vocabulary) -> None:
    """Write `schema.pbtxt`, the exact schema of these instances."""
    settings, label = context.settings, LABELS.get(context.settings.objective)
    ranges = {"classes": settings.sequence_classes, "segment_types": settings.segment_types}
    if settings.form == "static":
        schema = static_schema(
            settings.seq_length,
            context.max_predictions,
            vocabulary.size,
            label or NO_LABEL,
            **ranges,
        )
    else:
        schema = dynamic_schema(settings.seq_length, vocabulary.size, label, **ranges)
    storage.write_bytes(storage.join(folder, "schema.pbtxt"), schema_text(schema))


def describe_artifact(target: types.Artifact, manifest: Manifest) -> None:
    """Set the properties of the artifact: storage format as TFX's components do, and counts."""
    target.split_names = artifact_utils.encode_split_names(list(manifest.counts))
    examples_utils.set_payload_format(target, example_gen_pb2.FORMAT_TF_EXAMPLE)
    examples_utils.set_file_format(target, "tfrecords_gzip")
    for split, counts in manifest.counts.items():
        for name in ("instances", "real_tokens"):
            target.set_int_custom_property(f"{split}_{name}", counts[name])


def save_token_counts(counts: Int64, scratch: str, split: str, number: int) -> str:
    """Save the token counts of one shard to a scratch file and return its path."""
    path = storage.join(scratch, f"token-counts-{split}-{number:05d}.npy")
    _save_array(path, counts)
    return path


def add_token_counts(unit: dict[str, Any]) -> dict[str, Any]:
    """Add up the token counts in the files `paths`, and save the sum in the file `target`."""
    contents = storage.transfer(storage.read_bytes, unit["paths"])
    total = sum(np.load(io.BytesIO(content), allow_pickle=False) for content in contents)
    _save_array(unit["target"], np.asarray(total, np.int64))
    return {}


def _combine(paths: list[str], context: ShardContext, map_units: MapUnits) -> list[str]:
    """Let workers add up the token counts of many shards; return the files with their sums."""
    if len(paths) <= ADDED_AT_ONCE:
        return paths
    units = [
        {"paths": paths[n : n + ADDED_AT_ONCE], "target": f"{context.scratch}/sum-{n:05d}.npy"}
        for n in range(0, len(paths), ADDED_AT_ONCE)
    ]
    map_units(add_token_counts, units, storage.join(context.scratch, "sums"))
    return [str(unit["target"]) for unit in units]


def _save_array(path: str, array: Int64) -> None:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    storage.write_bytes(path, content.getvalue())
