"""Record a run in ML Metadata, with the same contexts, types and events as a local run."""

import json
import logging
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as mlmd

from core.failpoints import failpoint
from pipelines.metadata.live_artifacts import ArtifactType, LiveArtifact, LiveArtifacts
from pipelines.metadata.mlmd.connection import open_store
from pipelines.metadata.mlmd.convert import from_store, set_value, to_store
from pipelines.metadata.names import (
    CACHE_CONTEXT,
    NODE_CONTEXT,
    OUTPUT_DIGEST,
    PIPELINE_CONTEXT,
    PUSHED_DESTINATION,
    RUN_CONTEXT,
)
from pipelines.metadata.reuse import find_damage, output_digest

log = logging.getLogger(__name__)
OUTPUT_PARAMETERS = "output_parameters"  # JSON


class Recorder:
    """Writes one run to the metadata store of a workdir, which is created if it does not exist."""

    def __init__(self, path: Path, pipeline: str, run_id: str, origin: Mapping[str, str]) -> None:
        self._store = open_store(path, create=True)
        self._pipeline = pipeline
        self._contexts = [
            self._context(PIPELINE_CONTEXT, pipeline),
            self._context(RUN_CONTEXT, run_id, **origin),
        ]
        self._types: dict[str, int] = {}

    def begin(
        self, node_id: str, type_name: str, settings: Mapping[str, Any], inputs: LiveArtifacts
    ) -> int:
        """Record that a task begins; return the execution's id, which names its folders."""
        kind = mlmd.ExecutionType(name=type_name)
        type_id = self._store.put_execution_type(kind, can_add_fields=True, can_omit_fields=True)
        record = mlmd.Execution(type_id=type_id, last_known_state=mlmd.Execution.RUNNING)
        record.name = str(uuid.uuid4())
        for name, value in settings.items():
            set_value(record.custom_properties[name], value)
        pairs = [(self._stored(a), event) for a, event in _pairs(inputs, mlmd.Event.INPUT)]
        node = self._context(NODE_CONTEXT, f"{self._pipeline}.{node_id}")
        execution_id, _, _ = self._store.put_execution(record, pairs, [*self._contexts, node])
        return int(execution_id)

    def add_settings(self, execution_id: int, settings: Mapping[str, Any]) -> None:
        """Record settings that a driver determined."""
        (record,) = self._store.get_executions_by_id([execution_id])
        for name, value in settings.items():
            set_value(record.custom_properties[name], value)
        self._store.put_executions([record])

    def register(self, artifact: LiveArtifact) -> None:
        """Assign an id to an output before it is written."""
        record = to_store(artifact, mlmd.Artifact.PENDING, self._type(artifact.type))
        (artifact.id,) = self._store.put_artifacts([record])

    def finish(
        self,
        execution_id: int,
        outputs: LiveArtifacts,
        parameters: Mapping[str, Any],
        *,
        cache_key: str | None = None,
        is_lookup: bool = False,
    ) -> None:
        """Record that a task succeeded.

        Args:
            execution_id: from `begin`.
            outputs: with their final metadata.
            parameters: output parameters.
            cache_key: key for later runs; None: never reuse the result.
            is_lookup: a resolver found the outputs and did not make them.
        """
        kind = mlmd.Event.INTERNAL_OUTPUT if is_lookup else mlmd.Event.OUTPUT
        if not is_lookup:
            failpoint("before-publish")
            for artifact in (a for several in outputs.values() for a in several):
                if digest := output_digest(artifact.uri):
                    artifact.metadata[OUTPUT_DIGEST] = digest
        contexts = [] if cache_key is None else [self._context(CACHE_CONTEXT, cache_key)]
        complete = mlmd.Execution.COMPLETE
        self._end(execution_id, complete, parameters, outputs, kind, contexts, made=not is_lookup)

    def reuse(
        self, execution_id: int, outputs: LiveArtifacts, parameters: Mapping[str, Any]
    ) -> None:
        """Record that an earlier result was used."""
        state = mlmd.Execution.CACHED
        self._end(execution_id, state, parameters, outputs, mlmd.Event.OUTPUT)

    def fail(
        self, execution_id: int, outputs: LiveArtifacts, reason: str, *, canceled: bool
    ) -> None:
        """Record that a task failed or was stopped, and mark its outputs as abandoned."""
        self._update(outputs, mlmd.Artifact.ABANDONED)
        (record,) = self._store.get_executions_by_id([execution_id])
        record.last_known_state = mlmd.Execution.CANCELED if canceled else mlmd.Execution.FAILED
        set_value(record.custom_properties["error"], reason)
        self._store.put_executions([record])

    def find_cached(
        self, cache_key: str, types: Mapping[str, ArtifactType]
    ) -> tuple[LiveArtifacts, dict[str, Any]] | None:
        """Return the newest result of a cache key whose outputs are all unchanged on disk."""
        context = self._store.get_context_by_type_and_name(CACHE_CONTEXT, cache_key)
        if context is None:
            return None
        earlier = self._store.get_executions_by_context(context.id)
        for execution in sorted(earlier, key=lambda e: e.id, reverse=True):
            if execution.last_known_state != mlmd.Execution.COMPLETE:
                continue
            outputs = self._outputs(execution.id, types)
            if outputs is not None:
                text = execution.custom_properties[OUTPUT_PARAMETERS].string_value
                return outputs, json.loads(text or "{}")
        return None

    def live_artifacts(self, artifact_type: ArtifactType) -> list[LiveArtifact]:
        """Return the pipeline's artifacts of a type, newest first."""
        context = self._store.get_context_by_type_and_name(PIPELINE_CONTEXT, self._pipeline)
        artifacts = self._store.get_artifacts_by_context(context.id)
        live = [
            a for a in artifacts if a.type == artifact_type.name and a.state == mlmd.Artifact.LIVE
        ]
        ordered = sorted(live, key=lambda a: a.id, reverse=True)
        return [from_store(record, artifact_type) for record in ordered]

    def by_uri(self, artifact_type: ArtifactType, uri: str) -> LiveArtifact | None:
        """Return the newest artifact of a type at a URI."""
        same = [a for a in self._store.get_artifacts_by_uri(uri) if a.type == artifact_type.name]
        return from_store(same[-1], artifact_type) if same else None

    def _outputs(
        self, execution_id: int, types: Mapping[str, ArtifactType]
    ) -> LiveArtifacts | None:
        events = self._store.get_events_by_execution_ids([execution_id])
        keys = {e.artifact_id: e.path.steps[0].key for e in events if e.type == mlmd.Event.OUTPUT}
        outputs: LiveArtifacts = {}
        for record in self._store.get_artifacts_by_id(list(keys)) if keys else []:
            key = keys[record.id]
            if key not in types or record.state != mlmd.Artifact.LIVE:
                return None
            artifact = from_store(record, types[key])
            if _refuse_damaged_hit(artifact):
                return None
            outputs.setdefault(key, []).append(artifact)
        return outputs if outputs.keys() == types.keys() else None

    def _update(self, outputs: LiveArtifacts, state: int) -> None:
        artifacts = [artifact for several in outputs.values() for artifact in several]
        records = [to_store(artifact, state, self._type(artifact.type)) for artifact in artifacts]
        if records:
            self._store.put_artifacts(records)

    def _end(
        self,
        execution_id: int,
        state: int,
        parameters: Mapping[str, Any],
        outputs: LiveArtifacts,
        kind: int,
        contexts: Sequence[Any] = (),
        *,
        made: bool = False,
    ) -> None:
        """Record the end of an execution, its outputs and its cache key in one transaction."""
        (record,) = self._store.get_executions_by_id([execution_id])
        record.last_known_state = state
        if parameters:
            text = json.dumps(parameters, sort_keys=True)
            record.custom_properties[OUTPUT_PARAMETERS].string_value = text
        pairs = [(self._stored(a, made=made), event) for a, event in _pairs(outputs, kind)]
        self._store.put_execution(record, pairs, [*self._contexts, *contexts])

    def _stored(self, artifact: LiveArtifact, *, made: bool = False) -> Any:
        if made:
            return to_store(artifact, mlmd.Artifact.LIVE, self._type(artifact.type))
        (record,) = self._store.get_artifacts_by_id([artifact.id])
        return record

    def _type(self, artifact_type: ArtifactType) -> int:
        if artifact_type.name not in self._types:
            kind = mlmd.ArtifactType(name=artifact_type.name)
            for name, declared in artifact_type.properties.items():
                kind.properties[name] = mlmd.PropertyType.Value(declared)
            self._types[artifact_type.name] = self._store.put_artifact_type(
                kind, can_add_fields=True, can_omit_fields=True
            )
        return self._types[artifact_type.name]

    def _context(self, type_name: str, name: str, **properties: str) -> Any:
        known = self._store.get_context_by_type_and_name(type_name, name)
        if known is not None:
            return known
        type_id = self._store.put_context_type(
            mlmd.ContextType(name=type_name), can_add_fields=True, can_omit_fields=True
        )
        context = mlmd.Context(type_id=type_id, name=name)
        for key, value in properties.items():
            set_value(context.custom_properties[key], value)
        # The holder of the workdir's lock is the only writer.
        self._store.put_contexts([context])
        return self._store.get_context_by_type_and_name(type_name, name)


def _refuse_damaged_hit(artifact: LiveArtifact) -> bool:
    """Return whether a cached output is damaged; log why."""
    damage = find_damage(
        artifact.uri,
        artifact.type.name,
        digest=artifact.metadata.get(OUTPUT_DIGEST),
        published=artifact.metadata.get(PUSHED_DESTINATION),
    )
    if damage is not None:
        log.warning("A cached result is not reused: %s", damage)
    return damage is not None


def _pairs(artifacts: LiveArtifacts, kind: int) -> list[tuple[LiveArtifact, Any]]:
    """Pair each artifact with an event; ML Metadata stores one per artifact, for its last key."""
    pairs: dict[int, tuple[LiveArtifact, Any]] = {}
    for key, several in sorted(artifacts.items()):
        for index, artifact in enumerate(several):
            event = mlmd.Event(type=kind, artifact_id=artifact.id)
            event.path.steps.add().key = key
            event.path.steps.add().index = index
            pairs[artifact.id] = (artifact, event)
    return list(pairs.values())
