"""Find the folders that killed and failed runs left behind, and delete them.

    artifacts/<pipeline>/<node>/<output>/<execution id>     output of a node
    artifacts/<pipeline>/<node>/.system/executor_execution/<execution id>     TFX's own files

A folder is an orphan if its execution did not complete. If its execution is not in the store, it is
an orphan only after a day, because a run with another store may still be writing to it.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from components.publisher.versions import find_abandoned, remove_abandoned
from core import storage
from core.gcs import object_store
from pipelines.metadata.archive import Archive
from pipelines.metadata.names import CACHED, PUBLISHER, RAN, RUNNING

SETTLED_SECONDS = 24 * 3600
# Patterns of the folders of executions, and which of their parents is the node's folder.
FOLDERS = {"*/*/*/*": 1, "*/*/.system/executor_execution/*": 2}


@dataclass(frozen=True)
class Orphan:
    """A file or folder that can be deleted."""

    path: str
    size_bytes: int
    why: str


def find_orphans(archive: Archive) -> list[Orphan]:
    """Find the orphans of a workdir, without changing anything."""
    root = archive.workdir / "artifacts"
    kept = {archive.folder(a).resolve() for a in archive.graph.artifacts.values() if a.live}
    old = time.time() - SETTLED_SECONDS
    orphans: list[Orphan] = []
    for pattern, above in FOLDERS.items():
        for folder in sorted(root.glob(pattern)):
            why = _why(archive, folder, folder.parents[above].name, old)
            if why and folder.resolve() not in kept and _is_inside(folder, root):
                orphans.append(Orphan(str(folder), _size(folder), why))
    inside = tuple(orphan.path + "/" for orphan in orphans)
    for folder in (root, archive.workdir / "published", archive.workdir / "checkpoints"):
        for path in sorted(folder.rglob(f"*{storage.PARTIAL}")):
            if not str(path).startswith(inside) and path.lstat().st_mtime < old:
                orphans.append(Orphan(str(path), _size(path), "was never finished"))
    for destination in _remote_destinations(archive):
        for version in find_abandoned(destination):
            folder_name = storage.join(destination, str(version))
            size = sum(item.size_bytes for item in object_store.list_objects(folder_name))
            orphans.append(Orphan(folder_name, size, "was never finished"))
    return orphans


def _remote_destinations(archive: Archive) -> list[str]:
    publishers = [e.id for e in archive.graph.executions.values() if e.type_name == PUBLISHER]
    settings = archive.store.settings(publishers).values() if publishers else ()
    destinations = {str(properties.get("destination", "")) for properties in settings}
    return sorted(path for path in destinations if storage.is_remote(path))


def delete_orphans(archive: Archive, orphans: list[Orphan]) -> Iterator[Orphan]:
    """Delete orphans and yield each one deleted. The caller must hold the workdir's lock."""
    for orphan in orphans:
        if storage.is_remote(orphan.path):
            destination, _, version = orphan.path.rpartition("/")
            remove_abandoned(destination, int(version))
            yield orphan
            continue
        path = Path(orphan.path)
        if not _is_inside(path, archive.workdir):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        yield orphan


def _why(archive: Archive, folder: Path, node_id: str, old: float) -> str | None:
    """Return why a folder can be deleted, or None if it must stay."""
    name = folder.name
    if folder.is_symlink() or not (folder.is_dir() and name.isascii() and name.isdigit()):
        return None
    execution = archive.graph.executions.get(int(name))
    if execution is None:
        is_old = folder.stat().st_mtime < old
        return "no execution in this store wrote it" if is_old else None
    if execution.state in (RAN, CACHED, RUNNING) or execution.node_id != node_id:
        return None
    return f"{execution.node_id} of run {execution.run_id} {execution.state}"


def _is_inside(path: Path, root: Path) -> bool:
    """Return whether a path is really inside a folder, also after following links."""
    return path.parent.resolve().is_relative_to(root.resolve())


def _size(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())
