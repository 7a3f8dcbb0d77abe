"""Versions in a destination: claimed, written aside, and shown at once.

On a disk a version is written as `.<version>.partial` and renamed. An object store has no rename,
so there the manifest, written last, is what makes a version complete.
"""

import glob
import hashlib
import shutil
import time
from pathlib import Path

from core import storage
from core.errors import InputError
from core.failpoints import failpoint
from core.manifest import MANIFEST, Manifest, Shard, write_manifest

PARTIAL = ".partial"
# A partial folder this old belongs to a publisher that was killed; no copy takes a day.
ABANDONED_SECONDS = 24 * 3600
COPY_BYTES = 1 << 20

Files = list[tuple[str, Shard]]  # the path of a file, and what it is to be in the version


def complete_versions(destination: str) -> list[int]:
    """The versions that can be loaded, ascending."""
    return [
        version
        for version in _versions(destination)
        if storage.exists(storage.join(destination, str(version), MANIFEST))
    ]


def claim_version(destination: str, now_seconds: int) -> int:
    """A version that nobody else writes: `max(now, last + 1)`.

    On a disk its partial folder is made at once, so that of two publishers in one second the
    second takes the next number.

    Raises:
        InputError: the destination cannot be written.
    """
    version = max([now_seconds, *(last + 1 for last in _versions(destination))])
    if storage.is_remote(destination):
        return version
    root = Path(destination)
    try:
        root.mkdir(parents=True, exist_ok=True)
        _remove_abandoned(root)
        while not _claimed(root, version):
            version += 1
    except OSError as error:
        raise InputError(
            f"{destination}: nothing can be published here ({error.strerror}). "
            f"Give a folder that this user may write."
        ) from error
    return version


def write_version(destination: str, version: int, files: Files, manifest: Manifest) -> None:
    """Copies the files and writes the manifest last; nothing of a failure looks complete.

    Args:
        destination: folder of all versions.
        version: from `claim_version`.
        files: in the order in which they are copied.
        manifest: of the whole version.

    Raises:
        InputError: a file is no longer what its digest says.
    """
    folder = storage.join(destination, str(version))
    if storage.is_remote(destination):
        _fill(folder, files, manifest)
        return
    partial = _partial(Path(destination), version)
    try:
        _fill(str(partial), files, manifest)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _fill(folder: str, files: Files, manifest: Manifest) -> None:
    for source, shard in files:
        _copy(source, storage.join(folder, shard.path), shard.sha256)
        failpoint("copy-published")
    write_manifest(folder, manifest)


def _copy(source: str, target: str, sha256: str) -> None:
    """Copies a file and compares what was copied with what it should be."""
    digest = hashlib.sha256()
    with storage.open_input(source) as incoming, storage.open_output(target) as outgoing:
        while piece := incoming.read(COPY_BYTES):
            digest.update(piece)
            outgoing.write(piece)
    if digest.hexdigest() != sha256:
        raise InputError(f"{source}: it changed while it was published. Run the Trainer again.")


def _versions(destination: str) -> list[int]:
    """Every version that holds a file, complete or not, ascending.

    It looks for files and not for folders, because an object store has none.
    """
    paths = storage.list_files(storage.join(glob.escape(destination), "*", "*"))
    names = {path.rstrip("/").rsplit("/", 2)[1] for path in paths}
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _partial(root: Path, version: int) -> Path:
    return root / f".{version}{PARTIAL}"


def _claimed(root: Path, version: int) -> bool:
    """Whether the version is ours now; making a folder succeeds for one publisher only."""
    partial = _partial(root, version)
    try:
        partial.mkdir()
    except FileExistsError:
        return False
    if (root / str(version)).exists():  # published between our look and our claim
        partial.rmdir()
        return False
    return True


def _remove_abandoned(root: Path) -> None:
    for partial in root.glob(f".*{PARTIAL}"):
        if partial.is_dir() and time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
