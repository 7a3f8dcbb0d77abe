"""Write the documents of a corpus: read, sort by id, cut into shards, write the manifest."""

import functools
import json
from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from pydantic import JsonValue

from components.text_example_gen.check_corpus import TextSource, check_corpus, check_unchanged
from components.text_example_gen.contamination import CONTAMINATED
from components.text_example_gen.documents import SHARD_BUCKETS
from components.text_example_gen.duplicates import common_lines
from components.text_example_gen.duplicates.near_duplicates import (
    find_near_duplicates,
    subtract_dropped,
    write_dropped,
)
from components.text_example_gen.plan_units import plan_units
from components.text_example_gen.quality.filter_documents import count_filters, describe_examples
from components.text_example_gen.read_unit import read_unit
from components.text_example_gen.reading.errors import CorpusError
from components.text_example_gen.reading.find_sources import find_sources
from components.text_example_gen.reading.fingerprint import STORE_PREFIX, corpus_digest, fingerprint
from components.text_example_gen.splits import SPLITS
from components.text_example_gen.writing.mix_sources import mix_sources
from components.text_example_gen.writing.shards import Selection, plan_shards, write_shard
from components.text_settings import TextSettings
from components.unit_work import MapUnits, Unit
from core import storage
from core.file_names import TEXT_FILES
from core.manifest import Manifest, Shard, write_manifest
from core.temporary import make_scratch

# Counters that the manifest always has, even if they are 0.
CLEANING_COUNTERS = (
    "bad_encoding", "bad_record", "long_line", "cut_documents", "control_characters",
    "line_separators", "byte_order_marks",
)  # fmt: skip
DUPLICATE_COUNTERS = ("duplicate_documents", "dropped_duplicates", "dropped_near_duplicates")
SELECTION_COUNTERS = (*DUPLICATE_COUNTERS, "dropped_by_weight")


def write_documents(
    source: TextSource,
    settings: TextSettings,
    folder: str,
    code_digest: str,
    map_units: MapUnits,
    held_out: str = "",
) -> Manifest:
    """Write the shards of both splits and, last, the manifest.

    Documents are in the order of their ids, which shuffles them over the whole corpus. Every byte
    but the names of source files is the same for any order of the files and any division of the
    text into files. The caller removes the folder `SCRATCH` from the artifact's folder.

    `held_out` is the JSON of HeldOutTexts, or "".

    Raises:
        CorpusError: the text cannot be used as it is.
    """
    scratch = make_scratch(folder)
    files = find_sources(source.root, source.patterns)
    if source.fingerprint.startswith(STORE_PREFIX):
        check_unchanged(source, fingerprint(files))
    units = plan_units(files, settings)
    del files  # half a gigabyte for a million
    read = functools.partial(
        read_unit,
        settings=settings,
        scratch=scratch,
        held_out=held_out,
        common_lines=common_lines.find_common_lines(units, settings, map_units, scratch),
    )
    parts = map_units(read, units, storage.join(scratch, "read"))
    counts = _add_counts(parts, settings, has_held_out=bool(held_out))
    digests = sorted(tuple(digest) for part in parts for digest in part.pop("digests"))
    digest = corpus_digest(digests)
    check_corpus(source, settings, parts, counts, digest)
    written, near_duplicates = _write_splits(parts, settings, folder, scratch, map_units)
    manifest = _describe(written, counts)
    manifest.facts.update(
        corpus_digest=digest,
        span=source.span,
        code_digest=code_digest,
        settings=settings.model_dump(mode="json"),
        **_describe_left_out(parts, settings),
    )
    if near_duplicates:
        manifest.facts["near_duplicates"] = near_duplicates
    if settings.sources:
        manifest.facts["sources"] = _describe_sources(parts, written)
    _write_text_files(folder, digests)
    write_manifest(folder, manifest)
    return manifest


def _add_counts(
    parts: Sequence[Unit], settings: TextSettings, *, has_held_out: bool
) -> Counter[str]:
    """Return the counts of all parts; counters of what the settings choose are 0 or more."""
    # Each counts as empty with its digest, and has documents if one of its ranges has.
    for source, _ in {tuple(filled) for part in parts for filled in part["filled"]}:
        of_first = parts[0]["sources"].setdefault(source, {})
        of_first["empty_files"] = of_first.get("empty_files", 0) - 1
    names = [*CLEANING_COUNTERS, *count_filters(settings)]
    names += [CONTAMINATED] if has_held_out else []
    names += [common_lines.DROPPED] if settings.drop_boilerplate_lines else []
    counts = Counter(dict.fromkeys(names, 0))
    for part in parts:
        for of_source in part["sources"].values():
            counts.update(of_source)
    return counts


def _write_text_files(folder: str, digests: Sequence[tuple[str, str]]) -> None:
    """Write the inputs of `corpus_digest`, so that a review can name the file that changed."""
    lines = (json.dumps({"name": name, "sha256": sha256}) + "\n" for name, sha256 in digests)
    storage.write_bytes(storage.join(folder, TEXT_FILES), "".join(lines).encode())


def _describe_left_out(parts: Sequence[Unit], settings: TextSettings) -> dict[str, JsonValue]:
    """Return examples of what filters and boilerplate left out."""
    facts: dict[str, JsonValue] = {}
    if settings.filters:
        facts["filtered"] = describe_examples(part["filtered"] for part in parts)
    if settings.drop_boilerplate_lines:
        facts["boilerplate"] = common_lines.describe_examples(p["boilerplate"] for p in parts)
    return facts


def _describe(written: Sequence[Unit], counts: Counter[str]) -> Manifest:
    """Return the manifest of the shards, without facts; adds to the counts of all text."""
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    by_split: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for result in written:
        shards[SPLITS[result["split"]]].append(Shard(**result["shard"]))
        by_split[SPLITS[result["split"]]].update(result["counts"])
    for name in SELECTION_COUNTERS:
        total = sum(split.pop(name, 0) for split in by_split.values())
        if total or name in DUPLICATE_COUNTERS:
            counts[name] = total
    totals = {split: dict(of_split) for split, of_split in by_split.items()}
    totals["all"] = dict(counts)
    return Manifest(kind="documents", shards=shards, counts=totals, facts={})


def _describe_sources(parts: Sequence[Unit], written: Sequence[Unit]) -> JsonValue:
    """Return what was read of each source, and what was written of it to each split."""
    read: dict[str, Counter[str]] = {}
    for part in parts:
        for name, counts in part["sources"].items():
            read.setdefault(name, Counter()).update(counts)
    facts: dict[str, JsonValue] = {}
    for name, of_source in sorted(read.items()):
        splits: dict[str, JsonValue] = {}
        for number, split in enumerate(SPLITS):
            total: Counter[str] = Counter(documents=0, sentences=0, text_bytes=0)
            for result in written:
                if result["split"] == number:
                    total.update(result["sources"].get(name, {}))
            splits[split] = dict(total)
        facts[name] = {"read": dict(of_source), **splits}
    return facts


def _write_splits(
    parts: Sequence[Unit], settings: TextSettings, folder: str, scratch: str, map_units: MapUnits
) -> tuple[list[Unit], JsonValue]:
    """Write the shards; return the results of `write_shard`, and examples of near-duplicates."""
    text_bytes: npt.NDArray[np.int64] = np.zeros((len(SPLITS), SHARD_BUCKETS), np.int64)
    for content in storage.transfer(storage.read_bytes, [part["histogram"] for part in parts]):
        text_bytes += np.frombuffer(content, "<i8").reshape(text_bytes.shape)
    path, pairs = _find_dropped(parts, settings, text_bytes, scratch, map_units)
    selection = Selection(
        runs=[run for part in parts for run in part["runs"]],
        drop_duplicates=settings.drop_duplicates,
        near_duplicates=path,
        shown=frozenset(name for pair in pairs for name in pair),
    )
    if settings.sources:
        selection, text_bytes = mix_sources(settings, selection, text_bytes, map_units, scratch)
    units = plan_shards(text_bytes, settings.shard_bytes)
    write = functools.partial(write_shard, folder=folder, selection=selection)
    results = map_units(write, units, storage.join(scratch, "write"))
    shown = {name: text for result in results for name, text in result.pop("shown").items()}
    examples: JsonValue = [
        {
            role: {"document_id": name, "file": shown[name][0], "text": shown[name][1]}
            for role, name in zip(("dropped", "kept"), pair, strict=True)
        }
        for pair in pairs
        if shown.keys() >= set(pair)
    ]
    written = [r | {"split": unit["split"]} for unit, r in zip(units, results, strict=True)]
    return written, examples


def _find_dropped(
    parts: Sequence[Unit],
    settings: TextSettings,
    text_bytes: npt.NDArray[np.int64],
    scratch: str,
    map_units: MapUnits,
) -> tuple[str | None, Sequence[tuple[str, str]]]:
    """Write the ids of near-duplicates to a file and subtract their bytes from the histogram.

    Returns the file, and examples: the ids of documents to drop and of those that they are like.
    """
    threshold = settings.drop_near_duplicates
    if threshold is None:
        return None, ()
    dropped = find_near_duplicates(parts, threshold, map_units, scratch)
    subtract_dropped(text_bytes, dropped, settings.eval_fraction)
    for split, left in zip(SPLITS, text_bytes.sum(axis=1), strict=True):
        if not left:
            raise CorpusError(
                f"Every document of the {split} split is nearly the same as another one "
                f"(text.drop_near_duplicates {threshold:g}). Raise it, or give more documents."
            )
    path = storage.join(scratch, "near-duplicates.ids")
    write_dropped(path, dropped)
    return path, dropped.examples
