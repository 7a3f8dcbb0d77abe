"""The metadata store before and after a run: checked, tidied of killed runs, and copied.

All of it is for the holder of the workdir's lock, so that nobody else is at work on the store.
"""

import contextlib
import sqlite3
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from core import storage
from pipelines.metadata.names import SCHEMA_VERSION
from pipelines.workdir import Workdir, WorkdirError

NOTE = "note"  # custom property of an execution that was closed for its process
UNFINISHED = (pb.Execution.NEW, pb.Execution.RUNNING)


def check_store(workdir: Workdir) -> None:
    """Refuses a store that is gone, damaged or of another layout, before anything is done with it.

    A new store beside old artifacts would number its executions from 1 and write over them.

    Raises:
        WorkdirError: says so, and how to go on.
    """
    path = workdir.metadata
    has_artifacts = any((workdir.root / "artifacts").glob("*/*"))
    if not path.exists():
        if has_artifacts:
            raise WorkdirError(f"{path}: the metadata store is gone. {_remedy(workdir)}")
        return
    try:
        with contextlib.closing(_open(path)) as store:
            ((found,),) = store.execute("PRAGMA quick_check(1)")
            is_new = not store.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
            if is_new and not has_artifacts:
                return  # killed while it was made; ML Metadata makes it anew
            ((version,),) = store.execute("SELECT schema_version FROM MLMDEnv")
    except (sqlite3.DatabaseError, ValueError) as error:
        raise WorkdirError(
            f"{path}: not a metadata store, or a damaged one ({error}). {_remedy(workdir)}"
        ) from error
    if found != "ok":
        raise WorkdirError(f"{path}: the metadata store is damaged ({found}). {_remedy(workdir)}")
    if version != SCHEMA_VERSION:
        raise WorkdirError(
            f"{path}: its layout is version {version}; this Textmill writes {SCHEMA_VERSION}. Use "
            f"the Textmill that wrote it, or give another folder with --workdir."
        )


def close_unfinished(workdir: Workdir, note: str) -> list[int]:
    """Closes the executions of processes that ended without saying so; returns their ids.

    They become CANCELED, which Textmill calls interrupted; TFX leaves them RUNNING for ever.

    Args:
        workdir: of the store.
        note: why, for the executions' property `note`.

    Raises:
        StorageError: the disk is full.
    """
    if not workdir.metadata.exists():
        return []
    with contextlib.closing(_open(workdir.metadata)) as connection:
        if not connection.execute(_HAS_EXECUTIONS).fetchall():
            return []
        ids = [number for (number,) in connection.execute(_UNFINISHED, UNFINISHED)]
    if not ids:
        return []
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(workdir.metadata)
    store = metadata_store.MetadataStore(config)
    executions = store.get_executions_by_id(ids)
    for execution in executions:
        execution.last_known_state = pb.Execution.CANCELED
        execution.custom_properties[NOTE].string_value = note
    try:
        store.put_executions(executions)
    except Exception as error:  # ML Metadata's errors have no narrower base
        if (told := storage.explain_full_disk(error, str(workdir.metadata))) is None:
            raise
        raise storage.StorageError(told) from error
    return ids


def back_up(workdir: Workdir) -> None:
    """Copies the store to `metadata.sqlite.backup`, whole or not at all.

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
        if (told := storage.explain_full_disk(error, str(target))) is None:
            raise
        raise storage.StorageError(told) from error
    finally:
        temporary.unlink(missing_ok=True)


def _open(path: Path) -> sqlite3.Connection:
    """Opens for writing: a transaction that a kill cut short is rolled back by whoever opens."""
    return sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)


def _backup(workdir: Workdir) -> Path:
    return workdir.metadata.with_name(f"{workdir.metadata.name}.backup")


def _remedy(workdir: Workdir) -> str:
    backup = _backup(workdir)
    if backup.exists():
        return (
            f"Without it, artifacts cannot be told from remains. Copy the one of the last run "
            f"that ended back: cp {backup} {workdir.metadata}"
        )
    return (
        f"Without it, artifacts cannot be told from remains, and there is no {backup.name}. Give "
        f"another folder with --workdir, or move {workdir.root / 'artifacts'} and the store away."
    )


_HAS_EXECUTIONS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'Execution'"
_UNFINISHED = "SELECT id FROM Execution WHERE last_known_state IN (?, ?)"
