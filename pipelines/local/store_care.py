"""Check the metadata store before a run, close the executions of killed runs, and back it up.

The caller must hold the workdir's lock, so that no other process uses the store.
"""

import contextlib
import sqlite3
from pathlib import Path

from core.errors import StorageError
from core.full_disk import explain_full_disk
from pipelines.metadata.mlmd.update import end_unfinished
from pipelines.metadata.names import SCHEMA_VERSION
from pipelines.workdir import Workdir, WorkdirError


def check_store(workdir: Workdir) -> None:
    """Refuse a store that is missing, damaged or of another schema version.

    A new store next to old artifacts would number its executions from 1 and overwrite them.

    Raises:
        WorkdirError: with the remedy.
    """
    path = workdir.metadata
    has_artifacts = any((workdir.root / "artifacts").glob("*/*"))
    if not path.exists():
        if has_artifacts:
            raise WorkdirError(f"{path}: the metadata store is missing. {_remedy(workdir)}")
        return
    try:
        with contextlib.closing(_open(path)) as store:
            ((damage,),) = store.execute("PRAGMA quick_check(1)")
            is_new = not store.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            if is_new and not has_artifacts:
                return  # its creation was interrupted; ML Metadata creates it again
            ((version,),) = store.execute("SELECT schema_version FROM MLMDEnv")
    except (sqlite3.DatabaseError, ValueError) as error:
        raise WorkdirError(
            f"{path}: not a metadata store, or damaged ({error}). {_remedy(workdir)}"
        ) from error
    if damage != "ok":
        raise WorkdirError(f"{path}: the metadata store is damaged ({damage}). {_remedy(workdir)}")
    if version != SCHEMA_VERSION:
        raise WorkdirError(
            f"{path}: schema version {version}; this version of Textmill writes "
            f"{SCHEMA_VERSION}. Use the version of Textmill that wrote it, or give another folder "
            f"with --workdir."
        )


def close_unfinished(workdir: Workdir, note: str, *, failed: bool = False) -> list[int]:
    """Mark the executions that TFX left RUNNING as FAILED or CANCELED; return their ids.

    TFX leaves them so if its process is killed, or if a driver fails. Textmill shows CANCELED as
    interrupted. The reason is in the property `note`.

    Raises:
        StorageError: the disk is full.
    """
    if not workdir.metadata.exists():
        return []
    try:
        return end_unfinished(workdir.metadata, note, failed=failed)
    except Exception as error:  # ML Metadata's errors have no narrower base class
        raise _storage_error(error, workdir.metadata) from error


def back_up(workdir: Workdir) -> None:
    """Copy the store to `metadata.sqlite.backup`, atomically.

    Raises:
        StorageError: the disk is full.
    """
    if not workdir.metadata.exists():
        return
    target = _backup(workdir)
    temporary = target.with_name(f".{target.name}.partial")
    try:
        with (
            contextlib.closing(_open(workdir.metadata)) as source,
            contextlib.closing(sqlite3.connect(temporary)) as copy,
        ):
            source.backup(copy)
        temporary.replace(target)
    except (OSError, sqlite3.OperationalError) as error:
        raise _storage_error(error, target) from error
    finally:
        temporary.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    """Open for writing: after a kill, opening the file rolls back the open transaction."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)


def _storage_error(error: Exception, path: Path) -> StorageError:
    """Return the error to raise for a full disk; raise any other error again."""
    if (message := explain_full_disk(error, str(path))) is None:
        raise error
    return StorageError(message)


def _backup(workdir: Workdir) -> Path:
    return workdir.metadata.with_name(f"{workdir.metadata.name}.backup")


def _remedy(workdir: Workdir) -> str:
    backup = _backup(workdir)
    if backup.exists():
        return (
            f"Without it, Textmill cannot know which artifacts are complete. Restore the backup of "
            f"the last finished run: cp {backup} {workdir.metadata}"
        )
    return (
        f"Without it, Textmill cannot know which artifacts are complete, and there is no "
        f"{backup.name}. Give another folder with --workdir, or move "
        f"{workdir.root / 'artifacts'} and the store away."
    )
