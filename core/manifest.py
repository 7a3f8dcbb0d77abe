"""Describe the content of an artifact's folder in a manifest, which is written last.

A folder without a manifest is incomplete.
"""

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterable, Iterator

from pydantic import Field, JsonValue, ValidationError

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.gcs import object_store
from core.gcs.requests import NotFoundError
from core.settings import Settings
from core.temporary import TemporaryFolder

MANIFEST = "manifest.json"
OF_SOURCE = "_of_"  # between the name of a count or metric and that of a source of the text
CODE_FACTS = {"code_digest", "git", "image_digest", "hardware"}  # how it was made, not what it is
_GONE = "the manifest names this file and it is gone. Run again."


class DamagedFileError(InputError):
    """A file of an artifact that is missing or was changed."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}")
        self.path = path


class Shard(Settings):
    """One file of an artifact."""

    path: str  # relative to the artifact's folder
    records: int  # number of records, or of lines; 1 for any other file
    size_bytes: int
    sha256: str  # of the file's bytes


class Manifest(Settings):
    """The content of an artifact.

    `shards` and `counts` have one key per split, or "all" for an artifact without splits. `counts`
    holds named counters, including those of everything that was skipped. `facts` holds what a
    reader has to agree with: for instances `form`, `seq_length`, `max_predictions`,
    `vocabulary_digest`, `vocab_size` and `code_digest`.
    """

    kind: str  # "documents", "vocabulary", "instances", "model" …
    format_version: int = 1
    shards: dict[str, list[Shard]]
    files: list[Shard] = Field(default_factory=list)  # outside the splits, such as summed counts
    counts: dict[str, dict[str, int]]
    facts: dict[str, JsonValue]

    def all_files(self) -> list[Shard]:
        """Return the shards of all splits and the other files."""
        return [*(shard for shards in self.shards.values() for shard in shards), *self.files]

    def content_digest(self) -> str:
        """Return the sha256 of the shards' digests and the facts.

        Facts about the code and the machine are left out, so that equal content has an equal
        digest even if other code produced it.
        """
        content = {
            "kind": self.kind,
            "shards": {s: [x.sha256 for x in v] for s, v in self.shards.items()},
            "facts": {name: fact for name, fact in self.facts.items() if name not in CODE_FACTS},
        }
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def write_manifest(folder: str, manifest: Manifest) -> None:
    """Write the manifest. Call this after every other file of the folder is written.

    Partial files in the folder are removed first: a writer that was killed, and retried, left them.
    """
    failpoint("before-manifest")
    storage.remove_partial_files(folder)
    content = json.dumps(manifest.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, MANIFEST), content.encode())


def read_manifest(folder: str) -> Manifest:
    """Read the manifest of a folder.

    Raises:
        InputError: the manifest is missing or invalid.
    """
    if (manifest := read_manifest_if_exists(folder)) is None:
        raise InputError(
            f"{folder}: no {MANIFEST}, so the folder is not complete. Run the step that writes it "
            f"again."
        )
    return manifest


def read_manifest_if_exists(folder: str) -> Manifest | None:
    """Read the manifest of a folder, or return None if it has none.

    Raises:
        InputError: the manifest is invalid.
    """
    path = storage.join(folder, MANIFEST)
    content = storage.read_if_exists(path)
    if content is None:
        return None
    try:
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        raise InputError(
            f"{path}: not a manifest that this version can read ({error.error_count()} invalid "
            f"fields). Run the step that writes it again."
        ) from error


def verify_shards(folder: str, manifest: Manifest) -> None:
    """Compare the digest of every file in the manifest with the file.

    Raises:
        DamagedFileError: a file is missing or was changed.
    """
    for shard in manifest.all_files():
        _check_shard(folder, shard, file_digest)


def read_verified(folder: str, shard: Shard) -> bytes:
    """Read one file of an artifact, and compare its digest.

    Raises:
        DamagedFileError: it is missing or was changed.
    """
    content = b""

    def read(path: str) -> str:
        nonlocal content
        content = storage.read_bytes(path)
        return hashlib.sha256(content).hexdigest()

    _check_shard(folder, shard, read)
    return content


def copy_shards(folder: str, shards: Iterable[Shard], target: str) -> None:
    """Download every file once, to a local folder, and compare its digest.

    Raises:
        DamagedFileError: a file is missing or was changed.
    """

    def copy(shard: Shard) -> None:
        local = storage.join(target, shard.path)
        _check_shard(folder, shard, lambda path: storage.download(path, local))

    storage.transfer(copy, shards)


@contextlib.contextmanager
def verified_files(folder: str) -> Iterator[str]:
    """Yield a local folder with the verified files of an artifact: itself, or a temporary copy.

    Raises:
        InputError: the artifact is incomplete, or a file was changed.
    """
    manifest = read_manifest(folder)
    if not storage.is_remote(folder):
        verify_shards(folder, manifest)
        yield folder
        return
    with TemporaryFolder("download") as local:
        copy_shards(folder, manifest.all_files(), local)
        yield local


def compare_with_listing(folder: str, shards: Iterable[Shard]) -> None:
    """Compare files with what the object store lists, without reading them: size and sha256.

    Raises:
        DamagedFileError: a file is missing or was changed.
    """
    listed = {stored.path: stored for stored in object_store.list_objects(folder)}
    for shard in shards:
        stored = listed.get(path := storage.join(folder, shard.path))
        if stored is None:
            raise DamagedFileError(path, _GONE)
        same_digest = stored.sha256 in (None, shard.sha256)  # None: another program wrote it
        if stored.size_bytes != shard.size_bytes or not same_digest:
            raise _changed(path, shard, stored.size_bytes)


def _check_shard(folder: str, shard: Shard, read_digest: Callable[[str], str]) -> None:
    path = storage.join(folder, shard.path)
    try:
        digest = read_digest(path)
    except (FileNotFoundError, NotFoundError) as error:
        raise DamagedFileError(path, _GONE) from error
    if digest != shard.sha256:
        raise _changed(path, shard, storage.size_bytes(path))


def _changed(path: str, shard: Shard, size_bytes: int) -> DamagedFileError:
    return DamagedFileError(
        path,
        f"its content is not what was written (sha256 differs; it has {size_bytes:,} bytes of "
        f"{shard.size_bytes:,}). Run again, on Vertex AI without the cache, so that the step that "
        f"wrote it writes it again.",
    )


def describe_file(folder: str, path: str) -> Shard:
    """Return the manifest's entry for a file."""
    content = storage.read_bytes(storage.join(folder, path))
    return Shard(
        path=path, records=1, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest()
    )


def file_digest(path: str) -> str:
    """Return the sha256 of a file, hex. Large files are read in chunks."""
    with storage.open_input(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
