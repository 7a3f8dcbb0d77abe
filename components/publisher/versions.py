"""Write versions to a destination so that each one appears complete or not at all.

On a disk a version is written to `.<version>.partial` and then renamed. An object store has no
rename, so there a version is complete once it has a manifest, which is written last.
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
# A partial folder of this age belongs to a killed publisher, because no copy takes a day.
ABANDONED_SECONDS = 24 * 3600
COPY_BYTES = 1 << 20

Files = list[tuple[str, Shard]]  # source path, and entry in the manifest of the version


def complete_versions(destination: str) -> list[int]:
    """Return the complete versions in ascending order."""
    return [
        version
        for version in _versions(destination)
        if storage.exists(storage.join(destination, str(version), MANIFEST))
    ]


def claim_version(destination: str, now_seconds: int) -> int:
    """Claim a version that no other publisher writes: `max(now, last + 1)`.

    On a disk the partial folder is created at once, so that of two publishers in the same second
    the second one takes the next number.

    Raises:
        InputError: the destination is not writable.
    """
    version = max([now_seconds, *(last + 1 for last in _versions(destination))])
    if storage.is_remote(destination):
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
        _copy_all(folder, files, manifest)
        return
    partial = _partial(Path(destination), version)
    try:
        _copy_all(str(partial), files, manifest)
        partial.rename(folder)
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise


def _copy_all(folder: str, files: Files, manifest: Manifest) -> None:
    for source, shard in files:
        _copy(source, storage.join(folder, shard.path), shard.sha256)
        failpoint("copy-published")
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


def _versions(destination: str) -> list[int]:
    """Return every version that has a file, complete or not, in ascending order.

    It lists files, because an object store has no folders.
    """
    paths = storage.list_files(storage.join(glob.escape(destination), "*", "*"))
    names = {path.rstrip("/").rsplit("/", 2)[1] for path in paths}
    return sorted(int(name) for name in names if name.isascii() and name.isdigit())


def _partial(root: Path, version: int) -> Path:
    return root / f".{version}{PARTIAL}"


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
    for partial in root.glob(f".*{PARTIAL}"):
        if partial.is_dir() and time.time() - partial.stat().st_mtime > ABANDONED_SECONDS:
            shutil.rmtree(partial, ignore_errors=True)
