"""The folder that owns all runs of one machine: what lies where, and who may write."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import filelock

from trainer import storage
from trainer.errors import InputError


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
        WorkdirError: it cannot be made or written.
    """
    root = Path(folder).expanduser().resolve()
    probe = root / f".probe-{os.getpid()}"
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise WorkdirError(
            f"{root}: cannot be written ({error.strerror}). Give another folder with --workdir."
        ) from error
    return Workdir(root)


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
    lock, holder = workdir.root / ".lock", workdir.root / ".holder.json"
    try:
        with filelock.FileLock(lock, timeout=wait_seconds):
            who = {"pid": os.getpid(), "host": socket.gethostname(), "since": _now()}
            storage.write_bytes(str(holder), json.dumps(who).encode())
            yield
            holder.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise WorkdirError(f"{workdir.root}: {_held_by(holder)}") from error


def _held_by(holder: Path) -> str:
    try:
        who = json.loads(holder.read_text())
        told = f"process {who['pid']} on {who['host']} has been at work here since {who['since']}"
    except (OSError, ValueError, KeyError):
        told = "another run is at work here"
    return f"{told}. Wait for it with --wait, or give another folder with --workdir."


def _now() -> str:
    return datetime.now(tz=timezone.utc).isoformat(timespec="seconds")
