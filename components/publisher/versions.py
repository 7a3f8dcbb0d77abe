"""Write versions to a destination so that each one appears complete or not at all.

On a disk a version is written to `.<version>.partial` and then renamed. An object store has no
rename, so there a version is complete once it has a manifest, which is written last. The object
`.<version>.partial` claims the version meanwhile: only one publisher can create it.
"""

import glob
import hashlib
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.gcs import object_store
from core.manifest import MANIFEST, Manifest, Shard, file_digest, write_manifest

# A partial folder of this age belongs to a killed publisher, because no copy takes a day.
ABANDONED_SECONDS = 24 * 3600
COPY_BYTES = 1 << 20

Files = list[tuple[str, Shard]]  # source path, and entry in the manifest of the version


def complete_versions(destination: str) -> list[int]:
    """Return the complete versions in ascending order."""
    return sorted(version for version, name in _files(destination) if name == MANIFEST)


def claim_version(destination: str, now_seconds: int) -> int:
    """Claim a version that no other publisher writes: `max(now, last + 1)`.

    The partial folder, or the object that claims the version, is created at once, so that of two
    publishers in the same second the second one takes the next number.

    Raises:
        InputError: the destination is not writable.
    """
    version = max([now_seconds, *(last + 1 for last, _ in _files(destination))])
    if storage.is_remote(destination):
        for abandoned in find_abandoned(destination):
            remove_abandoned(destination, abandoned)
        while not _try_claim_remote(destination, version):
            version += 1
        return version
    root = Path(destination)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        while not _try_claim(root, version):
            version += 1
    except OSError as error:
        raise InputError(
            f"{destination}: cannot publish here ({error.strerror}). "
            f"Set a destination that this user can write to."
        ) from error
    return version


def write_version(destination: str, version: int, files: Files, manifest: Manifest) -> None:
    """Copy the files and write the manifest last, so that a failed copy is never complete.

    Args:
        destination: folder of all versions.
        version: version from `claim_version`.
        files: files in the order of copying.
        manifest: manifest of the version.

    Raises:
        InputError: a file has changed.
    """
    folder = storage.join(destination, str(version))
    if storage.is_remote(destination):
        try:
            _copy_all(folder, files, manifest)
        except BaseException:
            remove_abandoned(destination, version)
            raise
        storage.remove(_claim(destination, version))
        return
    partial = _partial(Path(destination), version)
    try:
        _copy_all(str(partial), files, manifest)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _copy_all(folder: str, files: Files, manifest: Manifest) -> None:
    within_store = storage.is_remote(folder) and all(storage.is_remote(name) for name, _ in files)
    for source, shard in files:
        target = storage.join(folder, shard.path)
        if within_store:
            object_store.copy(source, target)
        else:
            _copy(source, target, shard.sha256)
        failpoint("copy-published")
    if within_store:
        _check_copies(folder, files)
    write_manifest(folder, manifest)


def _copy(source: str, target: str, sha256: str) -> None:
    """Copy a file and compare the copy with its digest."""
    digest = hashlib.sha256()
    with storage.open_input(source) as incoming, storage.open_output(target) as outgoing:
        while piece := incoming.read(COPY_BYTES):
            digest.update(piece)
            outgoing.write(piece)
    if digest.hexdigest() != sha256:
        raise InputError(f"{source}: it changed while it was published. Run the Trainer again.")


def _check_copies(folder: str, files: Files) -> None:
    """Compare what the store copied with the digests, from one listing."""
    start = len(folder) + 1
    listed = {item.path[start:]: item.sha256 for item in object_store.list_objects(folder)}
    for source, shard in files:
        # Only Textmill stores the sha256 with an object.
        if (listed[shard.path] or file_digest(storage.join(folder, shard.path))) != shard.sha256:
            raise InputError(
                f"{source}: its content is not what was written (sha256 differs). Run the Trainer "
                f"again."
            )


def _files(destination: str) -> Iterator[tuple[int, str]]:
    """Yield the files in the folders of all versions, complete or not: version and name."""
    for path in storage.list_files(storage.join(glob.escape(destination), "*", "*")):
        folder, name = path.rstrip("/").rsplit("/", 2)[1:]
        if folder.isascii() and folder.isdigit():
            yield int(folder), name


def find_abandoned(destination: str) -> list[int]:
    """Return the versions on an object store that a killed publisher began a day ago or earlier."""
    old = time.time() - ABANDONED_SECONDS
    begun = object_store.list_objects(destination, beginning=".")
    names = (item.path.rpartition("/")[2][1:] for item in begun if item.created < old)
    return [
        int(name.removesuffix(storage.PARTIAL)) for name in names if name.endswith(storage.PARTIAL)
    ]


def remove_abandoned(destination: str, version: int) -> None:
    """Remove a version on an object store that was not completed, and then its claim."""
    folder = storage.join(destination, str(version))
    if not storage.exists(storage.join(folder, MANIFEST)):
        storage.remove_tree(folder)
    storage.remove(_claim(destination, version))


def _try_claim_remote(destination: str, version: int) -> bool:
    """Return whether the claim succeeded."""
    # A unique content tells this publisher's claim from another's when an answer is lost.
    if not object_store.create(_claim(destination, version), uuid.uuid4().hex.encode()):
        return False
    if storage.exists(storage.join(destination, str(version))):  # published since the listing
        storage.remove(_claim(destination, version))
        return False
    return True


def _claim(destination: str, version: int) -> str:
    return storage.join(destination, f".{version}{storage.PARTIAL}")


def _partial(root: Path, version: int) -> Path:
    return root / f".{version}{storage.PARTIAL}"


def _try_claim(root: Path, version: int) -> bool:
    """Return whether the claim succeeded; only one publisher can create the folder."""
    partial = _partial(root, version)
    try:
        partial.mkdir()
    except FileExistsError:
        return False
    if (root / str(version)).exists():  # published since we listed the versions
        partial.rmdir()
        return False
    return True


def _remove_abandoned(root: Path) -> None:
    for partial in root.glob(f".*{storage.PARTIAL}"):
        if partial.is_dir() and time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
