"""ML Metadata to plain values: what a run executed, with what, and what came of it.

Only plain calls are used: `filter_query` is gone in ml-metadata 1.21. Neither TFX nor TensorFlow
is imported, so that a look at the store takes a tenth of a second.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

RESOLVER = "tfx.dsl.components.common.resolver.Resolver"  # type of the nodes that look up
RUN_CONTEXT, NODE_CONTEXT = "pipeline_run", "node"
STATES = {
    pb.Execution.COMPLETE: "ran",
    pb.Execution.CACHED: "cached",
    pb.Execution.FAILED: "failed",
    pb.Execution.RUNNING: "interrupted",
    pb.Execution.NEW: "interrupted",
    pb.Execution.CANCELED: "interrupted",
}


@dataclass(frozen=True)
class ArtifactRecord:
    """One artifact: where it lies and what was recorded of it."""

    id: int
    uri: str
    type_name: str
    properties: dict[str, Any]


Artifacts = dict[str, tuple[ArtifactRecord, ...]]  # by input or output key


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution of a node."""

    id: int
    node_id: str
    run_id: str
    type_name: str  # the component class's path
    state: str  # a value of STATES
    settings: dict[str, Any]  # exec properties
    inputs: Artifacts = field(default_factory=dict)
    outputs: Artifacts = field(default_factory=dict)


def open_store(path: Path) -> metadata_store.MetadataStore:
    """Opens the SQLite file for reading."""
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(path)
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READONLY
    return metadata_store.MetadataStore(config)


def run_executions(store: metadata_store.MetadataStore, run_id: str) -> dict[str, ExecutionRecord]:
    """The executions of a run, by node id; the last one where a node ran twice."""
    context = store.get_context_by_type_and_name(RUN_CONTEXT, run_id)
    if context is None:
        return {}
    executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
    records = (read_execution(store, execution) for execution in executions)
    return {record.node_id: record for record in records}


def node_executions(
    store: metadata_store.MetadataStore, pipeline: str, node_id: str
) -> list[ExecutionRecord]:
    """All executions of a node over all runs, oldest first."""
    context = store.get_context_by_type_and_name(NODE_CONTEXT, f"{pipeline}.{node_id}")
    if context is None:
        return []
    executions = sorted(store.get_executions_by_context(context.id), key=lambda e: e.id)
    return [read_execution(store, execution) for execution in executions]


def producers(
    store: metadata_store.MetadataStore, record: ExecutionRecord
) -> list[ExecutionRecord]:
    """The executions that wrote a cached execution's outputs."""
    ids = [a.id for artifacts in record.outputs.values() for a in artifacts]
    events = store.get_events_by_artifact_ids(ids) if ids else []
    wrote = sorted({e.execution_id for e in events if e.type == pb.Event.OUTPUT})
    found = store.get_executions_by_id(wrote) if wrote else []
    return [read_execution(store, e) for e in found if e.last_known_state == pb.Execution.COMPLETE]


def read_execution(store: metadata_store.MetadataStore, execution: pb.Execution) -> ExecutionRecord:
    """An execution with its artifacts."""
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
        state=STATES.get(execution.last_known_state, "interrupted"),
        settings=_properties(execution.custom_properties),
        inputs=_artifacts(store, events, {pb.Event.INPUT}),
        # What a resolver finds is noted as an internal output.
        outputs=_artifacts(store, events, {pb.Event.OUTPUT, pb.Event.INTERNAL_OUTPUT}),
    )


def _artifacts(
    store: metadata_store.MetadataStore, events: list[pb.Event], kinds: set[int]
) -> Artifacts:
    keys = {e.artifact_id: e.path.steps[0].key for e in events if e.type in kinds}
    if not keys:
        return {}
    found: Artifacts = {}
    for artifact in sorted(store.get_artifacts_by_id(list(keys)), key=lambda a: a.id):
        properties = {**_properties(artifact.properties), **_properties(artifact.custom_properties)}
        record = ArtifactRecord(artifact.id, artifact.uri, artifact.type, properties)
        found[keys[artifact.id]] = (*found.get(keys[artifact.id], ()), record)
    return found


def _properties(properties: Any) -> dict[str, Any]:
    return {name: getattr(value, value.WhichOneof("value")) for name, value in properties.items()}
