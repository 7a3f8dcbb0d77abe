"""Make a store name the folders of its own workdir, after the workdir was moved or copied."""

from collections.abc import Iterable
from pathlib import Path

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipelines.metadata.folders import local_folder


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
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(metadata)
    store = metadata_store.MetadataStore(config)
    moved = [artifact for artifact in store.get_artifacts() if _relocate(artifact, workdir)]
    if moved:
        store.put_artifacts(moved)
    return len(moved)


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
