"""Publish instances with a manifest, histograms, token counts and a schema."""

import io
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from pydantic import JsonValue

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
ADDED_AT_ONCE = 512  # scratch files of shards, each about as long as the vocabulary
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
    added = _add_groups(by_split, context, map_units)
    token_counts = sum_token_counts([part["token_counts"] for part in added.get("train", [])])
    storage.write_bytes(storage.join(context.output, TOKEN_COUNTS), token_counts)
    value_counts = {s: [part["value_counts"] for part in parts] for s, parts in added.items()}
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


def record_counts(target: Any, manifest: Manifest) -> None:
    """Set properties of the artifact to the counts of each split.

    Workers import this module, so it imports no TFX.
    """
    for split, counts in manifest.counts.items():
        for name in ("instances", "real_tokens"):
            target.set_int_custom_property(f"{split}_{name}", counts[name])


def save_token_counts(counts: Int64, scratch: str, split: str, number: int) -> str:
    """Save the token counts of one shard to a scratch file and return its path."""
    path = storage.join(scratch, f"token-counts-{split}-{number:05d}.npy")
    storage.write_bytes(path, _encode_array(counts))
    return path


def sum_token_counts(paths: Sequence[str]) -> bytes:
    """Return the file with the sum of the token counts in scratch files."""
    contents = storage.transfer(storage.read_bytes, paths)
    total = sum(np.load(io.BytesIO(content), allow_pickle=False) for content in contents)
    return _encode_array(np.asarray(total, np.int64))


def add_group(unit: dict[str, Any]) -> dict[str, Any]:
    """Add up the scratch files of some shards of a split; return the paths of those with the sums.

    A unit has `split`, `token_counts` and `value_counts` (paths), and `target`, their prefix.
    """
    sums = {
        "token_counts": sum_token_counts(unit["token_counts"]),
        "value_counts": sum_value_counts({unit["split"]: unit["value_counts"]}),
    }
    paths = {name: f"{unit['target']}-{name}" for name in sums}
    for name, content in sums.items():
        storage.write_bytes(paths[name], content)
    return paths


def _add_groups(
    by_split: dict[str, list[Mapping[str, Any]]], context: ShardContext, map_units: MapUnits
) -> dict[str, list[Mapping[str, Any]]]:
    """Let workers add up the scratch files of many shards; return those with the sums, by split."""
    if sum(map(len, by_split.values())) <= ADDED_AT_ONCE:
        return by_split
    groups: list[dict[str, Any]] = [
        {
            "split": split,
            "target": storage.join(context.scratch, f"sum-{split}-{first:05d}"),
            "token_counts": [r["token_counts"] for r in parts[first : first + ADDED_AT_ONCE]],
            "value_counts": [r["value_counts"] for r in parts[first : first + ADDED_AT_ONCE]],
        }
        for split, parts in by_split.items()
        for first in range(0, len(parts), ADDED_AT_ONCE)
    ]
    sums = map_units(add_group, groups, storage.join(context.scratch, "sums"))
    return _group_by_split(list(by_split), groups, sums)


def _encode_array(array: Int64) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
