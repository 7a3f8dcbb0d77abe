"""Check one artifact's folder against its own manifest: recompute every digest and count."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from components.records import RecordError, read_records
from components.text_example_gen.documents import decode_sentences
from components.text_example_gen.reading.fingerprint import corpus_digest
from core import storage
from core.errors import InputError
from core.file_names import HISTOGRAMS, TEXT_FILES, TOKEN_COUNTS
from core.manifest import MANIFEST, Manifest, Shard, file_digest, read_manifest
from core.vocabulary.vocabulary import read_files_digest
from pipelines.lineage.compare.differences import text_files
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import HAVE_MANIFESTS, manifest_folder
from pipelines.metadata.graph import Artifact
from pipelines.metadata.names import MODEL_RUN, OUTPUT_DIGEST
from pipelines.metadata.reuse import output_digest

# Files that the manifest of a kind does not list. The copy of the vocabulary has its own manifest.
UNLISTED = {"documents": {TEXT_FILES}, "instances": {HISTOGRAMS, TOKEN_COUNTS}}
COUNTED = ("documents", "instances")  # kinds of manifests, and the counters of their records


@dataclass(frozen=True)
class Mismatch:
    """One thing that is not as it was written."""

    kind: Literal["changed", "missing", "added"]
    path: str  # a file, a folder, or an entry of the store
    problem: str  # what is wrong with it
    artifact: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `textmill lineage verify --json`."""
        return {
            "kind": self.kind,
            "path": self.path,
            "told": self.problem,  # the key that programs read
            "artifact": self.artifact,
        }


def check_artifact(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    """Check everything about one artifact that needs no other artifact.

    On an object store, the checksums of the store are compared with the digest in ML Metadata.
    """
    if storage.is_remote(artifact.uri):
        yield from _check_remote(archive, artifact)
        return
    folder = archive.folder(artifact)
    mismatches = list(_check(folder, artifact.type_name in HAVE_MANIFESTS))
    recorded = archive.properties(artifact).get(OUTPUT_DIGEST)
    # ML Metadata has one digest of the whole folder; the manifest is more specific.
    is_checked = recorded and artifact.type_name != MODEL_RUN
    if not mismatches and is_checked and output_digest(str(folder)) != recorded:
        problem = "does not match the digest in ML Metadata"
        mismatches.append(Mismatch("changed", str(folder), problem))
    yield from (replace(mismatch, artifact=artifact.id) for mismatch in mismatches)


def _check_remote(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    recorded = archive.properties(artifact).get(OUTPUT_DIGEST)
    digest = output_digest(artifact.uri)
    if digest is None and not storage.exists(artifact.uri):
        problem = "the artifact's folder is gone"
        yield Mismatch("missing", artifact.uri, problem, artifact=artifact.id)
    elif recorded and artifact.type_name != MODEL_RUN and digest != recorded:
        problem = "does not match the digest in ML Metadata"
        yield Mismatch("changed", artifact.uri, problem, artifact=artifact.id)


def _check(folder: Path, has_manifest: bool) -> Iterator[Mismatch]:
    if not folder.is_dir():
        yield Mismatch("missing", str(folder), "the artifact's folder is gone")
        return
    if not has_manifest:
        if not any(path.is_file() for path in folder.rglob("*")):
            yield Mismatch("missing", str(folder), "the artifact's folder is empty")
        return
    inner = manifest_folder(folder)
    if inner is None:
        yield Mismatch("missing", str(folder), f"its {MANIFEST} is gone")
        return
    yield from check_manifest(inner)


def check_manifest(folder: Path) -> Iterator[Mismatch]:
    """Check a folder with a manifest: shards, counts, and files that it does not list."""
    try:
        manifest = read_manifest(str(folder))
    except InputError as error:
        yield Mismatch("changed", str(folder / MANIFEST), str(error))
        return
    listed = manifest.all_files()
    for shard in listed:
        yield from _check_shard(folder, shard)
    yield from _check_unlisted(folder, manifest, {shard.path for shard in listed})
    if manifest.kind in COUNTED:
        yield from _recount(folder, manifest)
    if manifest.kind == "documents" and (folder / TEXT_FILES).is_file():
        yield from _check_files(folder, manifest)
    if manifest.kind == "vocabulary":
        yield from _check_vocabulary(folder, manifest)
    if (folder / "vocabulary" / MANIFEST).is_file():
        yield from check_manifest(folder / "vocabulary")


def _check_shard(folder: Path, shard: Shard) -> Iterator[Mismatch]:
    path = folder / shard.path
    if not path.resolve().is_relative_to(folder.resolve()):
        yield Mismatch("changed", str(path), "the manifest lists a file outside its folder")
    elif not path.is_file():
        yield Mismatch("missing", str(path), "the manifest lists this file, but it is gone")
    elif path.stat().st_size != shard.size_bytes:
        size = path.stat().st_size
        yield Mismatch("changed", str(path), f"has {size:,} bytes instead of {shard.size_bytes:,}")
    elif file_digest(str(path)) != shard.sha256:
        yield Mismatch("changed", str(path), "its sha256 is not the one in the manifest")


def _check_unlisted(folder: Path, manifest: Manifest, listed: set[str]) -> Iterator[Mismatch]:
    expected = {MANIFEST, *UNLISTED.get(manifest.kind, ())}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).as_posix()
        is_copy = manifest.kind == "instances" and inner.startswith("vocabulary/")
        if path.is_file() and inner not in listed | expected and not is_copy:
            yield Mismatch("added", str(path), "is not listed in a manifest")
    for name in sorted(expected - {MANIFEST} - listed):
        if not (folder / name).is_file():
            yield Mismatch("missing", str(folder / name), "is gone")


def _recount(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    for split, shards in manifest.shards.items():
        records = sentences = 0
        try:
            for shard in shards:
                for record in read_records(str(folder / shard.path)):
                    records += 1
                    if manifest.kind == "documents":
                        sentences += len(decode_sentences(record))
        except (RecordError, OSError, IndexError):
            return  # the digest of the shard differs, which is reported already
        counts = {manifest.kind: records}
        if manifest.kind == "documents":
            counts["sentences"] = sentences
        for counter, count in counts.items():
            recorded = manifest.counts.get(split, {}).get(counter)
            if recorded != count:
                problem = f"says {recorded} {counter} in {split}, but there are {count}"
                yield Mismatch("changed", str(folder / MANIFEST), problem)


def _check_files(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    """Check that the digests of the text files give the digest of the corpus."""
    try:
        digest = corpus_digest(text_files(folder))
    except (ValueError, KeyError):
        digest = ""
    if manifest.facts.get("corpus_digest") != digest:
        yield Mismatch(
            "changed", str(folder / TEXT_FILES), "its digests do not give the digest of the corpus"
        )


def _check_vocabulary(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    digest = read_files_digest(str(folder))
    if digest is not None and manifest.facts.get("digest") != digest:
        problem = "its digest of the vocabulary is not that of the files"
        yield Mismatch("changed", str(folder / MANIFEST), problem)
