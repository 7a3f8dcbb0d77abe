"""Locate the folders of artifacts and runs, and read the manifests and summaries in them."""

import json
import os
import socket
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from pydantic import JsonValue

from core import storage
from core.errors import InputError
from core.file_names import HOLDER, SUMMARY
from core.json_object import read_json
from core.manifest import MANIFEST, Manifest, read_manifest, read_manifest_if_exists

SERVING = "Format-Serving"  # tfx.utils.path_utils: the SavedModel's folder in a Model artifact
HAVE_MANIFESTS = {"Examples", "Model", "components.Vocabulary"}  # artifact types
WORKDIR_FOLDERS = ("artifacts", "published", "runs")
SLACK_SECONDS = 2  # between the lock's clock, in whole seconds, and that of /proc


@dataclass(frozen=True)
class RunNotes:
    """Facts from the `summary.json` of a run; empty if it has none."""

    state: str | None = None
    error: str | None = None
    seconds: float | None = None
    git: dict[str, JsonValue] = field(default_factory=dict)  # commit, dirty


def local_folder(uri: str, workdir: Path) -> Path:
    """Return an artifact's folder by its recorded path, also after its workdir was moved."""
    recorded = Path(uri)
    if recorded.is_relative_to(workdir):
        return recorded
    parts = recorded.parts
    for start in (n for n, part in enumerate(parts) if part in WORKDIR_FOLDERS):
        inner = parts[start:]
        if workdir.joinpath(*inner[:2]).is_dir():  # for example artifacts/demo
            return workdir.joinpath(*inner)
    return recorded


def manifest_folder(folder: Path) -> Path | None:
    """Return the folder that holds an artifact's manifest, or None if it has no manifest."""
    return next((f for f in (folder, folder / SERVING) if (f / MANIFEST).is_file()), None)


def find_manifest(folder: Path) -> Manifest | None:
    """Return an artifact's manifest, or None if there is none that can be read."""
    with_manifest = manifest_folder(folder)
    if with_manifest is None:
        return None
    try:
        return read_manifest(str(with_manifest))
    except InputError:
        return None


def find_remote_manifest(uri: str, type_name: str) -> Manifest | None:
    """Return the manifest of an artifact on an object store, or None if it has none.

    Raises:
        InputError: the manifest cannot be read.
    """
    if type_name not in HAVE_MANIFESTS:
        return None
    folder = storage.join(uri, SERVING) if type_name == "Model" else uri
    return read_manifest_if_exists(folder)


def read_notes(workdir: Path, run_id: str) -> RunNotes:
    """Read the summary of a run; a killed run has none."""
    content = read_json(workdir / "runs" / run_id / SUMMARY)
    git = content.get("git")
    return RunNotes(
        state=content.get("state"),
        error=content.get("error"),
        seconds=content.get("seconds"),
        git=git if isinstance(git, dict) else {},
    )


def running_run(workdir: Path) -> str | None:
    """Return the id of the run that holds the workdir, or None.

    The lock itself is not taken, so that a run that starts now is not refused. A process on
    another host cannot be checked and counts as gone.
    """
    try:
        holder = json.loads((workdir / HOLDER).read_text(encoding="utf-8"))
        since = datetime.fromisoformat(holder["since"])
        pid = int(holder["pid"])
        is_here = holder["host"] == socket.gethostname() and pid != os.getpid()
        is_alive = is_here and _is_alive(pid, since)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    folders = sorted((workdir / "runs").glob("*/"))
    if not (is_alive and folders) or (folders[-1] / SUMMARY).exists():
        return None
    started = datetime.fromtimestamp(folders[-1].stat().st_mtime, tz=UTC)
    return folders[-1].name if started >= since else None


def _is_alive(pid: int, since: datetime) -> bool:
    """Return whether the process exists and is not a later one with the same id."""
    try:
        os.kill(pid, 0)
        started = datetime.fromtimestamp(Path(f"/proc/{pid}").stat().st_ctime, tz=UTC)
    except PermissionError:
        return True  # a process of another user
    except OSError:
        return False
    return started <= since + timedelta(seconds=SLACK_SECONDS)
