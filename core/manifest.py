"""What an artifact's folder holds, in one file written last; without it nothing is complete."""

import hashlib
import json

from pydantic import Field, JsonValue, ValidationError

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.settings import Settings

MANIFEST = "manifest.json"
CODE_FACTS = {"code_digest", "git", "image_digest", "hardware"}  # by what, not what


class Shard(Settings):
    """One file of an artifact."""

    path: str  # relative to the artifact's folder
    records: int  # records in it; lines, or 1, where it is not a record file
    size_bytes: int
    sha256: str  # of the file's bytes


class Manifest(Settings):
    """The content of an artifact.

    `shards` and `counts` have a key for each split; an artifact without splits uses "all".
    `counts` holds named counters, skips among them (nothing is dropped in silence). `facts` are
    what a reader has to agree with: for instances `form`, `seq_length`, `max_predictions`,
    `vocabulary_digest`, `vocab_size`, `code_digest`.
    """

    kind: str  # "documents", "vocabulary", "instances", "model" …
    format_version: int = 1
    shards: dict[str, list[Shard]]
    files: list[Shard] = Field(default_factory=list)  # beside the splits: summed-up figures
    counts: dict[str, dict[str, int]]
    facts: dict[str, JsonValue]

    def all_files(self) -> list[Shard]:
        """The shards of all splits, and what is beside them."""
        return [*(shard for shards in self.shards.values() for shard in shards), *self.files]

    def content_digest(self) -> str:
        """sha256 over the shards' digests and the facts: equal content, equal digest.

        What says by which code and on what machine it was written is left out: code that writes
        the same bytes as before makes no other content.
        """
        content = {
            "kind": self.kind,
            "shards": {s: [x.sha256 for x in v] for s, v in self.shards.items()},
            "facts": {name: fact for name, fact in self.facts.items() if name not in CODE_FACTS},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Writes the manifest; call it after every other file of the folder."""
    failpoint("before-manifest")
    content = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, MANIFEST), content.encode())


def read_manifest(folder: str) -> Manifest:
    """Reads a folder's manifest.

    Raises:
        InputError: there is none (the folder is not complete), or it cannot be understood.
    """
    path = storage.join(folder, MANIFEST)
    if not storage.exists(path):
        raise InputError(
            f"{folder}: no {MANIFEST}, so the folder is not complete. "
            f"Run the step again that writes it."
        )
    try:
        return Manifest.model_validate_json(storage.read_bytes(path))
    except ValidationError as error:
        raise InputError(
            f"{path}: not a manifest that this version can read ({error.error_count()} fields "
            f"differ). Run the step again that writes it."
        ) from error


def verify_shards(folder: str, manifest: Manifest) -> None:
    """Recomputes the digest of every file that the manifest names.

    Raises:
        InputError: a shard is missing or is not what was written.
    """
    for shard in manifest.all_files():
        path = storage.join(folder, shard.path)
        if not storage.exists(path):
            raise InputError(f"{path}: the manifest names this file and it is gone. Run again.")
        if file_digest(path) != shard.sha256:
            raise InputError(
                f"{path}: its content is not what was written (sha256 differs; it has "
                f"{storage.size_bytes(path):,} bytes of {shard.size_bytes:,}). Run again, on "
                f"Vertex AI without the cache: the step that wrote it will write it anew."
            )


def describe_file(folder: str, path: str, records: int = 1) -> Shard:
    """The manifest's entry for a file that was written already."""
    content = storage.read_bytes(storage.join(folder, path))
    return Shard(
        path=path,
        records=records,
        size_bytes=len(content),
        sha256=hashlib.sha256(content).hexdigest(),
    )


def file_digest(path: str) -> str:
    """sha256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with storage.open_input(path) as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
