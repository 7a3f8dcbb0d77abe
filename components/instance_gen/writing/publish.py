"""Publish instances with a manifest, histograms, token counts and a schema."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from components.instance_gen.pairing.objective import LABELS, NO_LABEL
from components.instance_gen.writing.counters import add_counts, add_histograms
from components.instance_gen.writing.plan import ShardContext
from components.instance_gen.writing.schema import dynamic_schema, schema_text, static_schema
from components.statistics_gen.value_counts import VALUE_COUNTS, sum_value_counts
from components.unit_work import MapUnits
from core import storage
from core.errors import InputError
from core.file_names import HISTOGRAMS, TOKEN_COUNTS
from core.manifest import Manifest, Shard, describe_file, write_manifest
from core.temporary import SCRATCH
from core.vocabulary.vocabulary import Vocabulary
from trainer.input.instances import SOURCE_IDS_FILE

Units = Sequence[Mapping[str, Any]]
ADDED_AT_ONCE = 512  # scratch files of shards, each about as long as the vocabulary
SCRATCH_FILES = ("token_counts", "value_counts", "source_ids")  # of each shard
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

    Raises:
        InputError: a split has no instances, or most documents have no pair.
    """
    by_split = _group_by_split(splits, units, results)
    counts = {s: add_counts(r["counts"] for r in parts) for s, parts in by_split.items()}
    for split, numbers in counts.items():
        check_counts(split, numbers)
    names = _write_sums(by_split, context, map_units)
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


def _write_sums(
    by_split: dict[str, list[Mapping[str, Any]]], context: ShardContext, map_units: MapUnits
) -> list[str]:
    """Write what the shards of each split add up to, each sum in a file; return their names."""
    names: list[str] = []

    def write(name: str, content: bytes) -> None:
        storage.write_bytes(storage.join(context.output, name), content)
        names.append(name)

    histograms = {s: add_histograms(r["histograms"] for r in p) for s, p in by_split.items()}
    write(HISTOGRAMS, (json.dumps(histograms, sort_keys=True) + "\n").encode())
    added = _add_groups(by_split, context, map_units)
    write(TOKEN_COUNTS, sum_token_counts([r["token_counts"] for r in added.get("train", [])]))
    value_counts = {s: [part["value_counts"] for part in parts] for s, parts in added.items()}
    write(VALUE_COUNTS, sum_value_counts(value_counts))
    for split, parts in added.items():
        if "source_ids" in parts[0]:
            source_ids = join_arrays([part["source_ids"] for part in parts])
            write(SOURCE_IDS_FILE.format(split=split), source_ids)
    return names


def check_counts(split: str, counts: dict[str, int]) -> None:
    """Reject instances that are unusable for training.

    Raises:
        InputError: there are none, or most documents were left out because they have no pair.
    """
    documents, alone = counts["documents"], counts["single_sentence_documents"]
    if "no_pair" in counts and alone > MAX_UNPAIRABLE_SHARE * documents:
        raise InputError(
            f"{alone} of the {documents} documents of split {split!r} have one sentence, so they "
            "have no next one. Put blank lines between documents and not between sentences; if a "
            "line holds several sentences, set text.form=prose; or set instances.objective=none."
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


def save_array(array: npt.NDArray[Any], name: str, scratch: str, split: str, number: int) -> str:
    """Save an array of one shard, such as its token counts, to a scratch file; return its path."""
    path = storage.join(scratch, f"{name}-{split}-{number:05d}.npy")
    storage.write_bytes(path, _encode_array(array))
    return path


def sum_token_counts(paths: Sequence[str]) -> bytes:
    """Return the file with the sum of the token counts in scratch files."""
    return _encode_array(np.asarray(sum(_read_arrays(paths)), np.int64))


def join_arrays(paths: Sequence[str]) -> bytes:
    """Return the file with the arrays in scratch files, one after the other."""
    return _encode_array(np.concatenate(list(_read_arrays(paths))))


def add_group(unit: dict[str, Any]) -> dict[str, Any]:
    """Add up the scratch files of some shards of a split; return the paths of those with the sums.

    A unit has the lists of paths that are in `SCRATCH_FILES`, `split`, and `target`, the prefix of
    the paths to write.
    """
    sums = {
        "token_counts": sum_token_counts(unit["token_counts"]),
        "value_counts": sum_value_counts({unit["split"]: unit["value_counts"]}),
    }
    if unit["source_ids"]:
        sums["source_ids"] = join_arrays(unit["source_ids"])
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
            **{
                name: [r[name] for r in parts[first : first + ADDED_AT_ONCE] if name in r]
                for name in SCRATCH_FILES
            },
        }
        for split, parts in by_split.items()
        for first in range(0, len(parts), ADDED_AT_ONCE)
    ]
    sums = map_units(add_group, groups, storage.join(context.scratch, "sums"))
    return _group_by_split(list(by_split), groups, sums)


def _read_arrays(paths: Sequence[str]) -> Iterator[npt.NDArray[Any]]:
    for content in storage.transfer(storage.read_bytes, paths):
        yield np.load(io.BytesIO(content), allow_pickle=False)


def _encode_array(array: npt.NDArray[Any]) -> bytes:
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    return content.getvalue()
