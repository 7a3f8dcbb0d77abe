"""Work on a copy of the metadata store, which is deleted afterwards."""

import contextlib
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.orchestration import metadata
from tfx.types import Artifact, artifact_utils

from core.file_names import STORE
from core.temporary import TemporaryFolder
from pipelines.metadata.names import PIPELINE_CONTEXT


@contextlib.contextmanager
def copy_store(path: Path) -> Iterator[tuple[Path, str]]:
    """Yield a copy of the store and a scratch folder for launchers; remove both at the end."""
    with TemporaryFolder("plan") as scratch:
        copy = Path(scratch, STORE)
        if path.exists():
            source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        yield copy, scratch


def connect(copy: Path) -> metadata.Metadata:
    """Return TFX's handle of a store; use it in a `with` statement."""
    return metadata.Metadata(metadata.sqlite_metadata_connection_config(str(copy)))


def live_artifacts(copy: Path, pipeline: str) -> dict[str, list[Artifact]]:
    """Return the live artifacts of a pipeline by type name."""
    by_type: dict[str, list[Artifact]] = {}
    with connect(copy) as handle:
        store = handle.store
        context = store.get_context_by_type_and_name(PIPELINE_CONTEXT, pipeline)
        artifacts = store.get_artifacts_by_context(context.id) if context else []
        types = {t.id: t for t in store.get_artifact_types_by_id({a.type_id for a in artifacts})}
    for artifact in artifacts:
        if artifact.state == pb.Artifact.LIVE:
            kind = types[artifact.type_id]
            by_type.setdefault(kind.name, []).append(
                artifact_utils.deserialize_artifact(kind, artifact)
            )
    return by_type


def record_outputs(
    copy: Path, execution_id: int, outputs: Mapping[str, Sequence[Artifact]]
) -> None:
    """Record existing artifacts as the outputs of a resolver, for the nodes that read them."""
    events = []
    for key, artifacts in outputs.items():
        for artifact in artifacts:
            event = pb.Event(
                execution_id=execution_id, artifact_id=artifact.id, type=pb.Event.INTERNAL_OUTPUT
            )
            event.path.steps.add().key = key
            event.path.steps.add().index = 0
            events.append(event)
    if events:
        with connect(copy) as handle:
            handle.store.put_events(events)
