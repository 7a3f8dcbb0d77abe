"""One artifact's folder against its own manifest: every digest computed anew."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from components.records import RecordError, read_records
from components.text_example_gen.documents.document_record import decode_sentences
from components.text_example_gen.reading.fingerprint import corpus_digest
from core.errors import InputError
from core.manifest import MANIFEST, Manifest, Shard, file_digest, read_manifest
from pipelines.lineage.compare.corpus_change import FILES, text_files
from pipelines.lineage.verify.mismatch import Mismatch
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import HAVE_MANIFESTS, manifest_folder
from pipelines.metadata.graph import Artifact
from pipelines.metadata.names import MODEL_RUN, OUTPUT_DIGEST
from pipelines.metadata.reuse import output_digest

# Beside the instances' shards; the copy of the vocabulary has a manifest of its own.
BESIDE = {
    "documents": {FILES},
    "instances": {"histograms.json", "token_counts.npy"},
}
COUNTED = {"documents": "documents", "instances": "instances"}  # manifest kind to its counter


def check_artifact(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    """Everything about one artifact that can be told without another."""
    folder = archive.folder(artifact)
    found = list(_check(folder, artifact.type_name in HAVE_MANIFESTS))
    recorded = archive.properties(artifact).get(OUTPUT_DIGEST)
    # ML Metadata has a digest of the whole folder; the manifest says more of what differs.
    is_checked = recorded and artifact.type_name != MODEL_RUN
    if not found and is_checked and output_digest(str(folder)) != recorded:
        told = "is not what ML Metadata has the digest of"
        found.append(Mismatch("changed", str(folder), told))
    yield from (replace(finding, artifact=artifact.id) for finding in found)


def _check(folder: Path, wants_manifest: bool) -> Iterator[Mismatch]:
    if not folder.is_dir():
        yield Mismatch("missing", str(folder), "the artifact's folder is gone")
        return
    if not wants_manifest:
        if not any(path.is_file() for path in folder.rglob("*")):
            yield Mismatch("missing", str(folder), "the artifact's folder is empty")
        return
    place = manifest_folder(folder)
    if place is None:
        yield Mismatch("missing", str(folder), f"its {MANIFEST} is gone")
        return
    yield from check_manifest(place)


def check_manifest(folder: Path) -> Iterator[Mismatch]:
    """A folder with a manifest: its shards, its counts, and files that it does not name."""
    try:
        manifest = read_manifest(str(folder))
    except InputError as error:
        yield Mismatch("changed", str(folder / MANIFEST), str(error))
        return
    listed = manifest.all_files()
    for shard in listed:
        yield from _check_shard(folder, shard)
    yield from _unnamed(folder, manifest, {shard.path for shard in listed})
    if manifest.kind in COUNTED:
        yield from _recount(folder, manifest)
    if manifest.kind == "documents" and (folder / FILES).is_file():
        yield from _check_files(folder, manifest)
    if manifest.kind == "vocabulary":
        yield from _check_vocabulary(folder, manifest)
    if (folder / "vocabulary" / MANIFEST).is_file():
        yield from check_manifest(folder / "vocabulary")


def _check_shard(folder: Path, shard: Shard) -> Iterator[Mismatch]:
    path = folder / shard.path
    if not path.resolve().is_relative_to(folder.resolve()):
        yield Mismatch("changed", str(path), "the manifest names a file outside of its folder")
    elif not path.is_file():
        yield Mismatch("missing", str(path), "the manifest names this file and it is gone")
    elif path.stat().st_size != shard.size_bytes:
        size = path.stat().st_size
        yield Mismatch("changed", str(path), f"has {size:,} bytes instead of {shard.size_bytes:,}")
    elif file_digest(str(path)) != shard.sha256:
        yield Mismatch("changed", str(path), "its sha256 is not the manifest's")


def _unnamed(folder: Path, manifest: Manifest, named: set[str]) -> Iterator[Mismatch]:
    beside = {MANIFEST, *BESIDE.get(manifest.kind, ())}
    for path in sorted(folder.rglob("*")):
        inner = path.relative_to(folder).as_posix()
        copied = manifest.kind == "instances" and inner.startswith("vocabulary/")
        if path.is_file() and inner not in named | beside and not copied:
            yield Mismatch("added", str(path), "is in no manifest")
    for name in sorted(beside - {MANIFEST} - named):
        if not (folder / name).is_file():
            yield Mismatch("missing", str(folder / name), "is gone")


def _recount(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    """Counts the records anew, and of documents the sentences."""
    for split, shards in manifest.shards.items():
        records = sentences = 0
        try:
            for shard in shards:
                for record in read_records(str(folder / shard.path)):
                    records += 1
                    if manifest.kind == "documents":
                        sentences += len(decode_sentences(record))
        except (RecordError, OSError, IndexError):
            return  # the shard's digest differs, which is told already
        found = {COUNTED[manifest.kind]: records}
        if manifest.kind == "documents":
            found["sentences"] = sentences
        for counter, count in found.items():
            said = manifest.counts.get(split, {}).get(counter)
            if said != count:
                told = f"says {said} {counter} in {split}, and there are {count}"
                yield Mismatch("changed", str(folder / MANIFEST), told)


def _check_files(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    """The digests of the text files, which together are the corpus's."""
    try:
        digest = corpus_digest(text_files(folder))
    except (ValueError, KeyError):
        digest = ""
    if manifest.facts.get("corpus_digest") != digest:
        yield Mismatch("changed", str(folder / FILES), "its digests are not those of the corpus")


def _check_vocabulary(folder: Path, manifest: Manifest) -> Iterator[Mismatch]:
    digest = vocabulary_digest(folder)
    if digest is not None and manifest.facts.get("digest") != digest:
        told = "the vocabulary's digest is not that of its files"
        yield Mismatch("changed", str(folder / MANIFEST), told)


def vocabulary_digest(folder: Path) -> str | None:
    """Return a vocabulary folder's digest (core.vocabulary.vocabulary.files_digest), or None."""
    try:
        files = [(folder / name).read_bytes() for name in ("tokenizer.json", "vocab.txt")]
    except OSError:
        return None
    return hashlib.sha256(b"".join(files)).hexdigest()
