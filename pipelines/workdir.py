"""Lay out the workdir, the folder of all runs on one machine, and lock it for one run at a time."""

import contextlib
import json
import os
import re
import socket
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import filelock

from components.text_example_gen.reading.errors import escape_path
from core import storage
from core.errors import InputError
from core.file_names import HOLDER, STORE
from core.gcs import object_store
from core.json_object import read_json

_WILD = re.compile(r"[*?\[]")  # TFX and TFDV treat artifact paths as globs
REMOTE = re.compile(r"gs://[a-z0-9][a-z0-9._-]*(/.*)?")
OWNER = "textmill-workdir.json"  # in a gs:// folder: the workdir that writes there


class WorkdirError(InputError):
    """The workdir cannot be written, or another run holds it."""


@dataclass(frozen=True)
class Workdir:
    """The paths of the folders and files in a workdir."""

    root: Path
    remote: str = ""  # gs:// folder of artifacts, checkpoints and published models; "": root

    @property
    def metadata(self) -> Path:
        """SQLite file of ML Metadata."""
        return self.root / STORE

    @property
    def lock(self) -> Path:
        """File that a run locks."""
        return self.root / ".lock"

    @property
    def runs(self) -> Path:
        """Folder with a subfolder per run: summary, recipe and log."""
        return self.root / "runs"

    def pipeline_root(self, recipe: str) -> str:
        """Return the folder of a recipe's artifacts."""
        return self._data("artifacts", recipe)

    def checkpoints(self, recipe: str) -> str:
        """Return the folder of the checkpoints that a killed run resumes from."""
        return self._data("checkpoints", recipe)

    def published(self, recipe: str) -> str:
        """Return the folder of the published models, with a subfolder per version."""
        return self._data("published", recipe)

    def _data(self, *names: str) -> str:
        return storage.join(self.remote or str(self.root), *names)

    def new_run(self) -> str:
        """Create the folder of a new run and return its id.

        Ids sort by time. If the clock was set back, the id continues from the newest run.
        """
        moment = datetime.now(tz=UTC).strftime("%Y%m%dT%H%M%SZ")
        earlier = (path.name.partition("-")[0] for path in self.runs.glob("*T*Z*"))
        moment = max([moment, *earlier])
        for attempt in range(1, 1000):
            run_id = moment if attempt == 1 else f"{moment}-{attempt}"
            with contextlib.suppress(FileExistsError):
                (self.runs / run_id).mkdir(parents=True)
                return run_id
        raise WorkdirError(f"{self.runs}: a thousand runs in one second. Wait and try again.")


def locate_workdir(folder: str, remote: str | None = None) -> Workdir:
    """Return the workdir without touching it.

    Args:
        folder: the local folder.
        remote: gs:// folder of artifacts, checkpoints and published models; None for the workdir.

    Raises:
        WorkdirError: the workdir is remote, or `remote` is not.
    """
    if storage.is_remote(folder):
        raise WorkdirError(
            f"--workdir {folder}: a workdir is a local folder, because it holds the SQLite file of "
            f"ML Metadata. Keep it here, and put artifacts, checkpoints and models on the object "
            f"store with --root {folder}."
        )
    if remote is not None and not REMOTE.fullmatch(remote):
        raise WorkdirError(
            f"--root {remote}: only a gs://BUCKET/FOLDER. For a local folder, use --workdir."
        )
    root = Path(folder).expanduser().resolve()
    _check_name(root)
    return Workdir(root, (remote or "").rstrip("/"))


def open_workdir(folder: str, remote: str | None = None) -> Workdir:
    """Return the workdir, creating its folder if it does not exist.

    Args:
        folder: the local folder.
        remote: gs:// folder of artifacts, checkpoints and published models; None for the workdir.

    Raises:
        WorkdirError: the folder, or a file in it, cannot be written.
    """
    workdir = locate_workdir(folder, remote)
    root = workdir.root
    probe = root / f".probe-{os.getpid()}"
    if root.exists() and not root.is_dir():
        raise WorkdirError(f"{root}: this is a file. Give a folder with --workdir.")
    try:
        root.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise WorkdirError(
            f"{root}: cannot be written ({error.strerror}). Give another folder with --workdir."
        ) from error
    _check_owner(workdir)
    return workdir


@contextlib.contextmanager
def hold(workdir: Workdir, wait_seconds: float = 0) -> Iterator[None]:
    """Lock the workdir during the block, because SQLite and the artifacts allow one writer.

    The operating system releases the lock when the process ends, even if it was killed.

    Raises:
        WorkdirError: another run holds it; the message says which.
    """
    holder = workdir.root / HOLDER
    try:
        with filelock.FileLock(workdir.lock, timeout=wait_seconds):
            now = datetime.now(tz=UTC).isoformat(timespec="seconds")
            content = {"pid": os.getpid(), "host": socket.gethostname(), "since": now}
            storage.write_bytes(str(holder), json.dumps(content).encode())
            yield
            holder.unlink(missing_ok=True)
    except filelock.Timeout as error:
        raise WorkdirError(f"{workdir.root}: {_held_by(holder)}") from error


def claim_remote(workdir: Workdir) -> None:
    """Claim the gs:// folder for this workdir, by an object in it.

    Artifacts are numbered by the workdir's store, so those of two workdirs would overwrite each
    other.

    Raises:
        WorkdirError: the folder belongs to another workdir.
        StorageError: the bucket cannot be written.
    """
    if not workdir.remote:
        return
    identity = workdir.root / ".id"
    if not identity.exists():
        storage.write_bytes(str(identity), uuid.uuid4().hex.encode())
    owner = {"id": identity.read_text(), "workdir": str(workdir.root), "host": socket.gethostname()}
    path = storage.join(workdir.remote, OWNER)
    recorded = read_json(path)
    if not recorded and object_store.create(path, json.dumps(owner).encode()):
        return
    recorded = recorded or read_json(path)
    if recorded.get("id") != owner["id"]:
        raise WorkdirError(
            f"--root {workdir.remote}: belongs to the workdir {recorded.get('workdir')} on "
            f"{recorded.get('host')} (see {path}). Use that workdir, or give another folder with "
            f"--root."
        )


def _check_name(root: Path) -> None:
    """Refuse a path with which TFX would fail late, or would read another folder."""
    if _WILD.search(str(root)):
        raise WorkdirError(
            f"{root}: the path of a workdir must not contain *, ? or [, because TFX treats it as a "
            f"glob. Give another folder with --workdir."
        )
    try:
        str(root).encode()
    except UnicodeEncodeError as error:
        raise WorkdirError(
            f"{escape_path(str(root))}: the path of a workdir must be valid UTF-8, because ML "
            f"Metadata stores it. Give another folder with --workdir."
        ) from error


def _check_owner(workdir: Workdir) -> None:
    """Refuse files that this user cannot write, for example after a container ran as root."""
    folders = [workdir.root / name for name in ("artifacts", "checkpoints", "published")]
    for path in (workdir.lock, workdir.metadata, workdir.runs, *folders):
        if path.exists() and not os.access(path, os.W_OK):
            raise WorkdirError(
                f"{path}: cannot be written (Permission denied); user {path.stat().st_uid} made "
                f"it, and this is user {os.geteuid()}. Run as that user, change the owner of the "
                f"workdir (chown -R), or give another folder with --workdir."
            )


def _held_by(holder: Path) -> str:
    try:
        run = json.loads(holder.read_text())
        reason = f"process {run['pid']} on {run['host']} has been running here since {run['since']}"
    except (OSError, ValueError, KeyError):
        reason = "another run is using it"
    return f"{reason}. Wait for it with --wait, or give another folder with --workdir."
