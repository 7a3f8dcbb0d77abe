"""The folder that owns all runs of one machine: what lies where, and who may write."""

import contextlib
import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import filelock

from components.text_example_gen.errors import escape_path
from core import storage
from core.errors import InputError

_WILD = re.compile(r"[*?\[]")  # TFX and TFDV take the paths of artifacts for patterns


class WorkdirError(InputError):
    """A workdir that cannot be written, or that another run holds."""


@dataclass(frozen=True)
class Workdir:
    """Names of the folders and files under one workdir."""

    root: Path

    @property
    def metadata(self) -> Path:
        """The SQLite file of ML Metadata."""
        return self.root / "metadata.sqlite"

    @property
    def lock(self) -> Path:
        """The file whose lock a run holds."""
        return self.root / ".lock"

    @property
    def runs(self) -> Path:
        """A folder for each run: its summary, its recipe, its log."""
        return self.root / "runs"

    def pipeline_root(self, recipe: str) -> Path:
        """Where a recipe's artifacts lie."""
        return self.root / "artifacts" / recipe

    def checkpoints(self, recipe: str) -> Path:
        """Where training keeps what a killed run resumes from."""
        return self.root / "checkpoints" / recipe

    def published(self, recipe: str) -> Path:
        """Where blessed models go, a folder for each version."""
        return self.root / "published" / recipe

    def new_run(self) -> str:
        """Makes the folder of a new run and gives its id: the time, so that ids sort.

        When the clock was set back, the newest run's time is taken on.
        """
        moment = datetime.now(tz=timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        earlier = (path.name.partition("-")[0] for path in self.runs.glob("*T*Z*"))
        moment = max([moment, *earlier])
        for attempt in range(1, 1000):
            run_id = moment if attempt == 1 else f"{moment}-{attempt}"
            with contextlib.suppress(FileExistsError):
                (self.runs / run_id).mkdir(parents=True)
                return run_id
        raise WorkdirError(f"{self.runs}: a thousand runs began in one second. Wait and try again.")


def open_workdir(folder: str) -> Workdir:
    """Makes the folder if need be.

    Raises:
        WorkdirError: it cannot be made, or it or what lies in it cannot be written.
    """
    root = Path(folder).expanduser().resolve()
    _check_name(root)
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise WorkdirError(
            f"{root}: cannot be written ({error.strerror}). Give another folder with --workdir."
        ) from error
    workdir = Workdir(root)
    _check_owner(workdir)
    return workdir


@contextlib.contextmanager
def hold(workdir: Workdir, wait_seconds: float = 0) -> Iterator[None]:
    """Keeps other runs out of the workdir: SQLite has one writer, and artifacts have one owner.

    The lock is the operating system's, so that of a killed run is free at once.

    Args:
        workdir: to be held.
        wait_seconds: how long to wait for another run to end.

    Raises:
        WorkdirError: another run holds it; the message says which.
    """
    holder = workdir.root / ".holder.json"
    try:
        with filelock.FileLock(workdir.lock, timeout=wait_seconds):
            who = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
            storage.write_bytes(str(holder), json.dumps(who).encode())
            yield
            holder.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise WorkdirError(f"{workdir.root}: {_held_by(holder)}") from error


def _check_name(root: Path) -> None:
    """Refuses a name that TFX cannot work with: it would fail late, or read another folder."""
    if _WILD.search(str(root)):
        raise WorkdirError(
            f"{root}: a workdir's path has no *, ? or [, which TFX takes for patterns. Give "
            f"another folder with --workdir."
        )
    try:
        str(root).encode()
    except UnicodeEncodeError as error:
        raise WorkdirError(
            f"{escape_path(str(root))}: a workdir's path is UTF-8, as ML Metadata keeps it. Give "
            f"another folder with --workdir."
        ) from error


def _check_owner(workdir: Workdir) -> None:
    """Refuses what another user made, as a container's root does, and this one may not change."""
    made = [workdir.root / name for name in ("artifacts", "checkpoints", "published")]
    for path in (workdir.lock, workdir.metadata, workdir.runs, *made):
        if path.exists() and not os.access(path, os.W_OK):
            raise WorkdirError(
                f"{path}: cannot be written (Permission denied); user {path.stat().st_uid} made "
                f"it, and this is user {os.geteuid()}. Run as that user, change the owner of all "
                f"of it (chown -R), or give another folder with --workdir."
            )


def _held_by(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        told = f"process {who['pid']} on {who['host']} has been at work here since {who['since']}"
    except (OSError, ValueError, KeyError):
        told = "another run is at work here"
    return f"{told}. Wait for it with --wait, or give another folder with --workdir."


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat(timespec="seconds")
