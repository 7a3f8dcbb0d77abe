"""A corpus to its documents artifact: read, sort by id, cut into shards, write the manifest."""

import functools
import json
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from components.settings import TextSettings
from components.text_example_gen.check_corpus import Corpus, check_corpus
from components.text_example_gen.documents.choose_split import (
    HASH_BUCKETS,
    SPLITS,
    choose_split,
    hash_bucket,
)
from components.text_example_gen.documents.document_record import encode_document
from components.text_example_gen.duplicates.near_duplicates import (
    find_near_duplicates,
    subtract,
    write_dropped,
)
from components.text_example_gen.duplicates.signatures import SignatureWriter
from components.text_example_gen.errors import CorpusError, shown
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_example_gen.reading.fingerprint import corpus_digest
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_example_gen.writing.runs import BUCKETS, Entry, RunWriter
from components.text_example_gen.writing.shards import cut_shards, write_shard
from core import storage
from core.manifest import Manifest, Shard, write_manifest

Unit = dict[str, Any]
MapUnits = Callable[[Callable[[Unit], Unit], Sequence[Unit], str], list[Unit]]
UNIT_BYTES = 64 << 20  # of files, to one worker
MAX_UNITS = 64
SCRATCH = ".work"
FILES = "files.jsonl"  # in the artifact: name and sha256 of each text file, by name


def write_documents(
    corpus: Corpus, settings: TextSettings, folder: str, code_digest: str, map_units: MapUnits
) -> Manifest:
    """Writes the shards of both splits and, last, the manifest.

    The documents lie in the order of their ids, so that they are shuffled over the whole corpus,
    and every byte but the sources' names is the same for any order and cut of the files. The
    folder `.work` in the artifact's is the caller's to remove.

    Args:
        corpus: where the text is.
        settings: how it is read.
        folder: the artifact's.
        code_digest: for the manifest.
        map_units: does a piece of work for every unit; takes the work, units and a scratch folder.

    Raises:
        CorpusError: the text cannot be used as it is.
    """
    scratch = storage.join(folder, SCRATCH)
    files = find_files(corpus.root, corpus.patterns)
    read = functools.partial(read_unit, settings_json=settings.model_dump_json(), scratch=scratch)
    parts = map_units(read, _units(files), storage.join(scratch, "read"))
    counts = _sum_counts(part["counts"] for part in parts)
    digest = corpus_digest((name, sha) for part in parts for name, sha in part["digests"])
    check_corpus(corpus, settings, parts, counts, digest)
    shards, split_counts = _write_splits(parts, settings, folder, scratch, map_units)
    for name in ("duplicate_documents", "dropped_duplicates", "dropped_near_duplicates"):
        counts[name] = sum(split.pop(name, 0) for split in split_counts.values())
    manifest = Manifest(
        kind="documents",
        shards=shards,
        counts={**{s: dict(c) for s, c in split_counts.items()}, "all": dict(counts)},
        facts={
            "corpus_digest": digest,
            "span": corpus.span,
            "code_digest": code_digest,
            "settings": settings.model_dump(mode="json"),
        },
    )
    _write_files(folder, (pair for part in parts for pair in part["digests"]))
    write_manifest(folder, manifest)
    return manifest


def _write_files(folder: str, digests: Iterable[tuple[str, str]]) -> None:
    """Writes what `corpus_digest` is made of, so that a review can name the file that changed."""
    lines = (json.dumps({"name": n, "sha256": sha}) + "\n" for n, sha in sorted(digests))
    storage.write_bytes(storage.join(folder, FILES), "".join(lines).encode())


def read_unit(unit: Unit, *, settings_json: str, scratch: str) -> Unit:
    """Reads some files and writes their documents as runs.

    Args:
        unit: `number`, and `files` as (path, name, size).
        settings_json: the text settings.
        scratch: folder of the runs.

    Returns:
        `runs` (paths), `signatures` (paths; none unless near-duplicates are looked for),
        `histogram` (path of the bytes of text in each bucket), `counts`, `digests`,
        `first_bad_line`, and `buckets`, the lowest and highest bucket of a document.
    """
    settings = TextSettings.model_validate_json(settings_json)
    reader = DocumentReader(settings)
    writer = RunWriter(storage.join(scratch, f"{unit['number']:05d}"))
    signatures = SignatureWriter(storage.join(scratch, f"{unit['number']:05d}"))
    lowest, highest = HASH_BUCKETS, -1
    for file in (CorpusFile(*file) for file in unit["files"]):
        for document in reader.read(file):
            name, source = document.document_id, shown(file.name)
            bucket = hash_bucket(name)
            lowest, highest = min(lowest, bucket), max(highest, bucket)
            entry = Entry(
                document_id=name,
                source=source,
                num_sentences=len(document.sentences),
                text_bytes=len(document.content),
                record=encode_document(name, document.sentences, source),
            )
            writer.add(choose_split(bucket, settings.eval_fraction), entry)
            if settings.drop_near_duplicates is not None:
                signatures.add(name, document.sentences, entry.text_bytes)
    writer.flush()
    signatures.flush()
    histogram = storage.join(scratch, f"{unit['number']:05d}.histogram")
    storage.write_bytes(histogram, writer.text_bytes.astype("<i8").tobytes())
    return {
        "runs": writer.paths,
        "signatures": signatures.paths,
        "histogram": histogram,
        "counts": dict(reader.counts),
        "digests": reader.digests,
        "first_bad_line": reader.first_bad_line,
        "buckets": [lowest, highest],
    }


def _units(files: Sequence[CorpusFile]) -> list[Unit]:
    """Files to units of about equal size; what a unit holds changes no byte of the output."""
    total = sum(file.size_bytes for file in files)
    target = max(UNIT_BYTES, total // MAX_UNITS)
    units: list[Unit] = []
    size = target
    for file in files:
        if size >= target:
            units.append({"number": len(units), "files": []})
            size = 0
        units[-1]["files"].append([file.path, file.name, file.size_bytes])
        size += file.size_bytes
    return units


def _write_splits(
    parts: Sequence[Unit], settings: TextSettings, folder: str, scratch: str, map_units: MapUnits
) -> tuple[dict[str, list[Shard]], dict[str, Counter[str]]]:
    text_bytes: npt.NDArray[np.int64] = np.zeros((len(SPLITS), BUCKETS), np.int64)
    for part in parts:
        content = storage.read_bytes(part["histogram"])
        text_bytes += np.frombuffer(content, "<i8").reshape(text_bytes.shape)
    near_duplicates = _drop_near_duplicates(parts, settings, text_bytes, scratch)
    units = []
    for split in range(len(SPLITS)):
        cuts = cut_shards(text_bytes[split], settings.shard_bytes)
        units += [
            {
                "split": split,
                "shard": shard,
                "num_shards": len(cuts),
                "first_bucket": first,
                "last_bucket": last,
            }
            for shard, (first, last) in enumerate(cuts)
        ]
    work = functools.partial(
        write_shard,
        folder=folder,
        runs=[run for part in parts for run in part["runs"]],
        drop_duplicates=settings.drop_duplicates,
        near_duplicates=near_duplicates,
    )
    results = map_units(work, units, storage.join(scratch, "write"))
    shards: dict[str, list[Shard]] = {split: [] for split in SPLITS}
    counts: dict[str, Counter[str]] = {split: Counter() for split in SPLITS}
    for unit, result in zip(units, results, strict=True):
        shards[SPLITS[unit["split"]]].append(Shard(**result["shard"]))
        counts[SPLITS[unit["split"]]].update(result["counts"])
    return shards, counts


def _drop_near_duplicates(
    parts: Sequence[Unit],
    settings: TextSettings,
    text_bytes: npt.NDArray[np.int64],
    scratch: str,
) -> str | None:
    """The file of the ids that go, whose bytes are taken from the histogram."""
    threshold = settings.drop_near_duplicates
    if threshold is None:
        return None
    dropped = find_near_duplicates([p for part in parts for p in part["signatures"]], threshold)
    subtract(text_bytes, dropped, settings.eval_fraction)
    for split, left in zip(SPLITS, text_bytes.sum(axis=1), strict=True):
        if not left:
            raise CorpusError(
                f"Every document of the {split} split is nearly the same as another one "
                f"(text.drop_near_duplicates {threshold:g}). Raise it, or give more documents."
            )
    path = storage.join(scratch, "near-duplicates.ids")
    write_dropped(path, dropped)
    return path


def _sum_counts(parts: Any) -> Counter[str]:
    """Sums the counters, each of which is there even if it is 0."""
    names = "bad_encoding long_line cut_documents control_characters line_separators"
    total = Counter({name: 0 for name in [*names.split(), "byte_order_marks"]})
    for part in parts:
        total.update(part)
    return total
