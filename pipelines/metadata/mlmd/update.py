"""Correct a store that was moved, or whose writer was killed."""

import contextlib
import sqlite3
from collections.abc import Iterable
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as pb

from pipelines.metadata.folders import local_folder
from pipelines.metadata.mlmd.connection import open_store
from pipelines.metadata.names import NOTE

UNFINISHED = (pb.Execution.NEW, pb.Execution.RUNNING)


def relocate(metadata: Path, workdir: Path) -> int:
    """Correct the folders that artifacts have on record; those of their executions stay as history.

    Args:
        metadata: SQLite file of the store, which this process alone may use.
        workdir: the folder in which the artifacts are now.

    Returns:
        The number of artifacts that were elsewhere.
    """
    if not metadata.exists():
        return 0
    store = open_store(metadata)
    moved = [artifact for artifact in store.get_artifacts() if _relocate(artifact, workdir)]
    if moved:
        store.put_artifacts(moved)
    return len(moved)


def end_unfinished(metadata: Path, note: str, *, failed: bool) -> list[int]:
    """Mark the executions that did not end as FAILED or CANCELED, with a note; return their ids."""
    uri = f"{metadata.resolve().as_uri()}?mode=rw"  # opening rolls back a killed writer's changes
    with contextlib.closing(sqlite3.connect(uri, uri=True)) as connection:
        if not connection.execute(_HAS_EXECUTIONS).fetchall():
            return []
        ids = [number for (number,) in connection.execute(_UNFINISHED, UNFINISHED)]
    if ids:
        store = open_store(metadata)
        executions = store.get_executions_by_id(ids)
        for execution in executions:
            execution.last_known_state = pb.Execution.FAILED if failed else pb.Execution.CANCELED
            execution.custom_properties[NOTE].string_value = note
        store.put_executions(executions)
    return ids


def _relocate(artifact: pb.Artifact, workdir: Path) -> bool:
    """Change the folder and all properties that name folders; return whether any changed."""
    before = artifact.SerializeToString(deterministic=True)
    artifact.uri = _new_place(artifact.uri, workdir)
    for value in _texts(artifact):
        value.string_value = _new_place(value.string_value, workdir)
    return artifact.SerializeToString(deterministic=True) != before


def _texts(artifact: pb.Artifact) -> Iterable[pb.Value]:
    values = (*artifact.properties.values(), *artifact.custom_properties.values())
    return (value for value in values if value.HasField("string_value"))


def _new_place(text: str, workdir: Path) -> str:
    return str(local_folder(text, workdir)) if text.startswith("/") else text


_HAS_EXECUTIONS = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'Execution'"
_UNFINISHED = "SELECT id FROM Execution WHERE last_known_state IN (?, ?)"
