"""Read a run's executions and artifacts from ML Metadata as plain values.

Only simple calls are used: ml-metadata 1.21 no longer has `filter_query`. Neither TFX nor
TensorFlow is imported, so that reading a store takes a tenth of a second.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipelines.metadata.names import INTERRUPTED, NODE_CONTEXT, RUN_CONTEXT, STATES


@dataclass(frozen=True)
class ArtifactRecord:
    """One artifact: its folder and its properties."""

    id: int
    uri: str
    type_name: str
    properties: dict[str, Any]


ArtifactRecords = dict[str, tuple[ArtifactRecord, ...]]  # by input or output key


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution of a node."""

    id: int
    node_id: str
    run_id: str
    type_name: str  # path of the component class
    state: str  # RAN, CACHED, FAILED or INTERRUPTED
    settings: dict[str, Any]  # exec properties
    inputs: ArtifactRecords = field(default_factory=dict)
    outputs: ArtifactRecords = field(default_factory=dict)


def open_store(path: Path) -> metadata_store.MetadataStore:
    """Open the SQLite file for reading."""
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READONLY
    return metadata_store.MetadataStore(config)


def run_executions(store: metadata_store.MetadataStore, run_id: str) -> dict[str, ExecutionRecord]:
    """Return the executions of a run by node id; the last one if a node ran twice."""
    return {record.node_id: record for record in _executions(store, RUN_CONTEXT, run_id)}


def node_executions(
    store: metadata_store.MetadataStore, pipeline: str, node_id: str
) -> list[ExecutionRecord]:
    """Return all executions of a node in all runs, oldest first."""
    return _executions(store, NODE_CONTEXT, f"{pipeline}.{node_id}")


def producers(
    store: metadata_store.MetadataStore, record: ExecutionRecord
) -> list[ExecutionRecord]:
    """Return the executions that wrote the outputs of a cached execution."""
    ids = [a.id for artifacts in record.outputs.values() for a in artifacts]
    events = store.get_events_by_artifact_ids(ids) if ids else []
    writers = sorted({e.execution_id for e in events if e.type == pb.Event.OUTPUT})
    executions = store.get_executions_by_id(writers) if writers else []
    return [
        read_execution(store, execution)
        for execution in executions
        if execution.last_known_state == pb.Execution.COMPLETE
    ]


def read_execution(store: metadata_store.MetadataStore, execution: pb.Execution) -> ExecutionRecord:
    """Read an execution together with its artifacts."""
    node_id = run_id = ""
    for context in store.get_contexts_by_execution(execution.id):
        if context.type == NODE_CONTEXT:
            node_id = context.name.partition(".")[2]
        elif context.type == RUN_CONTEXT:
            run_id = context.name
    events = store.get_events_by_execution_ids([execution.id])
    return ExecutionRecord(
        id=execution.id,
        node_id=node_id,
        run_id=run_id,
        type_name=execution.type,
        state=STATES.get(execution.last_known_state, INTERRUPTED),
        settings=_properties(execution.custom_properties),
        inputs=_artifacts(store, events, {pb.Event.INPUT}),
        # A resolver records the artifacts that it looked up as internal outputs.
        outputs=_artifacts(store, events, {pb.Event.OUTPUT, pb.Event.INTERNAL_OUTPUT}),
    )


def _executions(
    store: metadata_store.MetadataStore, context_type: str, name: str
) -> list[ExecutionRecord]:
    context = store.get_context_by_type_and_name(context_type, name)
    if context is None:
        return []
    executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
    return [read_execution(store, execution) for execution in executions]


def _artifacts(
    store: metadata_store.MetadataStore, events: list[pb.Event], kinds: set[int]
) -> ArtifactRecords:
    keys = {e.artifact_id: e.path.steps[0].key for e in events if e.type in kinds}
    if not keys:
        return {}
    by_key: ArtifactRecords = {}
    for artifact in sorted(store.get_artifacts_by_id(list(keys)), key=lambda a: a.id):
        properties = {**_properties(artifact.properties), **_properties(artifact.custom_properties)}
        record = ArtifactRecord(artifact.id, artifact.uri, artifact.type, properties)
        by_key[keys[artifact.id]] = (*by_key.get(keys[artifact.id], ()), record)
    return by_key


def _properties(properties: Any) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("value")) for name, value in properties.items()}
