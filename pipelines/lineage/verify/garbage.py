"""What killed and failed runs left on the disk: folders that no finished execution vouches for.

    artifacts/<pipeline>/<node>/<output>/<execution id>     where TFX lets a node write
    artifacts/<pipeline>/<node>/.system/executor_execution/<execution id>     its notes for itself

A folder is an orphan when its execution did not complete, or when the store knows no such execution
and it is older than a day: another store's run may be at work on it.
"""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pipelines.metadata.archive import Archive
from pipelines.metadata.names import CACHED, RAN, RUNNING

SETTLED_SECONDS = 24 * 3600
# Where an execution's folder lies, and which of its parents is the node's.
PLACES = {"*/*/*/*": 1, "*/*/.system/executor_execution/*": 2}
PARTIAL = "*.partial"  # core.storage's and the publisher's names of what is being written


@dataclass(frozen=True)
class Orphan:
    """Something that may go."""

    path: str
    size_bytes: int
    why: str


def find_orphans(archive: Archive, clock: Callable[[], float] = time.time) -> list[Orphan]:
    """Looks through the artifacts of a workdir; nothing is changed.

    Args:
        archive: the workdir's.
        clock: seconds since 1970.
    """
    root = archive.workdir / "artifacts"
    kept = {archive.folder(a).resolve() for a in archive.graph.artifacts.values() if a.live}
    old = clock() - SETTLED_SECONDS
    found: list[Orphan] = []
    for pattern, above in PLACES.items():
        for folder in sorted(root.glob(pattern)):
            why = _why(archive, folder, folder.parents[above].name, old)
            if why and folder.resolve() not in kept and _is_inside(folder, root):
                found.append(Orphan(str(folder), _size(folder), why))
    gone = tuple(orphan.path + "/" for orphan in found)
    for place in (root, archive.workdir / "published", archive.workdir / "checkpoints"):
        for path in sorted(place.rglob(PARTIAL)):
            if not str(path).startswith(gone) and path.lstat().st_mtime < old:
                found.append(Orphan(str(path), _size(path), "was never finished"))
    return found


def delete_orphans(archive: Archive, orphans: list[Orphan]) -> Iterator[Orphan]:
    """Deletes them, and yields each that is gone; hold the workdir's lock meanwhile."""
    for orphan in orphans:
        path = Path(orphan.path)
        if not _is_inside(path, archive.workdir):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
        yield orphan


def _why(archive: Archive, folder: Path, node_id: str, old: float) -> str | None:
    """Why a folder may go; None where it has to stay."""
    name = folder.name
    if folder.is_symlink() or not (folder.is_dir() and name.isascii() and name.isdigit()):
        return None
    execution = archive.graph.executions.get(int(name))
    if execution is None:
        is_old = folder.stat().st_mtime < old
        return "no execution of this store wrote it" if is_old else None
    if execution.state in (RAN, CACHED, RUNNING) or execution.node_id != node_id:
        return None
    return f"{execution.node_id} of run {execution.run_id} {execution.state}"


def _is_inside(path: Path, root: Path) -> bool:
    """Whether no link on the way leads out of the folder."""
    return path.parent.resolve().is_relative_to(root.resolve())


def _size(path: Path) -> int:
    if not path.is_dir() or path.is_symlink():
        return path.lstat().st_size
    return sum(p.lstat().st_size for p in path.rglob("*") if p.is_file() and not p.is_symlink())
