"""A pipeline and a store to what a run would do now: node by node, with the cause.

Nothing is guessed: each node whose inputs are known is prepared by the run's own launcher (driver,
cache key, check of the cached result's bytes) on a copy of the store. A cached node's outputs are
then in the copy, as in a run. A node that will run makes a new artifact, whose id is part of every
cache key behind it, so that whatever reads it runs as well.
"""

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ml_metadata.proto import metadata_store_pb2 as pb
from tfx.orchestration import data_types_utils, metadata
from tfx.orchestration import pipeline as tfx_pipeline
from tfx.orchestration.local import runner_utils
from tfx.orchestration.portable import (
    execution_publish_utils,
    inputs_utils,
    outputs_utils,
    runtime_parameter_utils,
    tfx_runner,
)
from tfx.orchestration.portable.mlmd import context_lib
from tfx.proto.orchestration import execution_result_pb2
from tfx.types import artifact_utils

from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from pipelines.local.local_runner import RUN_ID_PARAMETER, nodes_until
from pipelines.local.node_launcher import NodeLauncher
from pipelines.metadata.cache_reason import compare, settle
from pipelines.metadata.records import (
    RESOLVER,
    ArtifactRecord,
    ExecutionRecord,
    node_executions,
    open_store,
    read_execution,
    run_executions,
)

RUNS, CACHED, LOOKS_UP = "runs", "cached", "looks up"
RUN_ID = "plan"  # the run's id in the copy of the store
PIPELINE_CONTEXT = "pipeline"
TO_COME = ArtifactRecord(-1, "", "", {})  # stands for an artifact that the run will make


@dataclass(frozen=True)
class PlannedNode:
    """What a run would do with one node."""

    node: str
    state: str  # RUNS, CACHED or LOOKS_UP
    why: str  # in the words that the run's summary will have
    because_of: tuple[str, ...]  # nodes that run and whose outputs this one reads
    last_seconds: float | None  # how long it took when it last ran well in this store


def plan_nodes(
    pipeline: tfx_pipeline.Pipeline, metadata_path: Path, until: str | None = None
) -> list[PlannedNode]:
    """Says what a run of the pipeline would do; neither the store nor a folder is changed.

    Args:
        pipeline: as for a run.
        metadata_path: the store's SQLite file; it need not be there.
        until: the last node to plan, with what it needs; None plans all.

    Returns:
        The nodes in the order of the run.

    Raises:
        InputError: what a driver found wrong with the text; or no node is called as `until` says.
    """
    spec = tfx_runner._make_pipeline_proto(pipeline)  # as IrBasedRunner.run does
    runtime_parameter_utils.substitute_runtime_parameter(spec, {RUN_ID_PARAMETER: RUN_ID})
    with _copied(metadata_path) as (copy, scratch):
        planner = _Planner(spec, copy, scratch)
        return [planner.plan(node.pipeline_node) for node in nodes_until(list(spec.nodes), until)]


@contextlib.contextmanager
def _copied(path: Path) -> Iterator[tuple[Path, str]]:
    """A copy of the store, and a folder for what launchers write; both go at the end."""
    scratch = tempfile.mkdtemp(prefix="textmill-plan-")
    try:
        copy = Path(scratch, "metadata.sqlite")
        if path.exists():
            source = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
            with contextlib.closing(source), contextlib.closing(sqlite3.connect(copy)) as target:
                source.backup(target)
        yield copy, scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


class _ScratchOutputs(outputs_utils.OutputsResolver):
    """Names outputs as in a run, for they are in the cache key, and makes folders elsewhere."""

    def __init__(self, scratch: str, **spec: Any) -> None:
        super().__init__(**spec)
        self._scratch = scratch

    def get_driver_output_uri(self) -> str:
        return str(Path(tempfile.mkdtemp(dir=self._scratch), "driver_output.pb"))

    def get_executor_output_uri(self, execution_id: int) -> str:
        return str(Path(self._scratch, "executor_output.pb"))

    def get_stateful_working_directory(self, execution: Any) -> str:
        return self._scratch

    def make_tmp_dir(self, execution_id: int) -> str:
        return self._scratch


class _Planner:
    """Plans the nodes one after the other."""

    def __init__(self, spec: Any, copy: Path, scratch: str) -> None:
        self._spec, self._copy, self._scratch = spec, copy, scratch
        self._pipeline = spec.pipeline_info.id
        self._config = runner_utils.extract_local_deployment_config(spec)
        self._runs: set[str] = set()  # nodes whose outputs are not known before the run
        # Those that only make anew what was lost, byte for byte, by their last good execution.
        self._remade: dict[str, ExecutionRecord] = {}

    def plan(self, node: Any) -> PlannedNode:
        """One node; those that it reads from were planned."""
        node_id = node.node_info.id
        because = tuple(sorted(self._sources(node) & self._runs))
        if node.node_info.type.name == RESOLVER:
            record = self._foresee_resolver(node) if because else self._launch(node, node_id)
        else:
            record = self._foresee(node) if because else self._launch(node, node_id)
        store = open_store(self._copy)
        state, why = settle(store, self._pipeline, record)
        if record.type_name == RESOLVER:
            state = LOOKS_UP
        elif state != CACHED:
            state = RUNS
            self._runs.add(node_id)
            self._note_remade(store, node, record)
        return PlannedNode(node_id, state, why, because, self._last_seconds(store, record))

    def _note_remade(self, store: Any, node: Any, record: ExecutionRecord) -> None:
        """Notes a node that runs although neither it nor the content of its inputs changed."""
        executions = node_executions(store, self._pipeline, record.node_id)
        good = [e for e in executions if e.id < record.id and e.state in {"ran", CACHED}]
        if not good:
            return
        anew = {
            key: {channel.producer_node_query.id for channel in spec.channels} <= set(self._remade)
            for key, spec in node.inputs.inputs.items()
        }
        inputs = {
            key: good[-1].inputs.get(key, found) if anew.get(key) else found
            for key, found in record.inputs.items()
        }
        if not any(compare(good[-1], replace(record, inputs=inputs))):
            self._remade[record.node_id] = good[-1]

    def _sources(self, node: Any) -> set[str]:
        """The nodes that it reads from."""
        channels = (c for spec in node.inputs.inputs.values() for c in spec.channels)
        return {channel.producer_node_query.id for channel in channels} - {""}

    def _launch(self, node: Any, node_id: str) -> ExecutionRecord:
        """Has the launcher decide, as in a run, and reads what it noted."""
        launcher = NodeLauncher(
            pipeline_node=node,
            mlmd_connection=self._connection(),
            pipeline_info=self._spec.pipeline_info,
            pipeline_runtime_spec=self._spec.runtime_spec,
            executor_spec=runner_utils.extract_executor_spec(self._config, node_id),
            custom_driver_spec=runner_utils.extract_custom_driver_spec(self._config, node_id),
        )
        if node.node_info.type.name == RESOLVER:
            launcher.launch()  # it looks up, and runs nothing
            return run_executions(open_store(self._copy), RUN_ID)[node_id]
        launcher._output_resolver = _ScratchOutputs(
            self._scratch,
            pipeline_node=node,
            pipeline_info=self._spec.pipeline_info,
            pipeline_runtime_spec=self._spec.runtime_spec,
        )
        prepared = launcher._prepare_execution()
        record = run_executions(open_store(self._copy), RUN_ID)[node_id]
        return replace(record, settings={**record.settings, **_settings_of(prepared)})

    def _foresee(self, node: Any) -> ExecutionRecord:
        """The execution of a node that will read what is not there yet."""
        with self._connection() as handle:
            execution = execution_publish_utils.register_execution(
                metadata_handle=handle,
                execution_type=node.node_info.type,
                contexts=context_lib.prepare_contexts(handle, node.contexts),
                exec_properties=data_types_utils.build_parsed_value_dict(
                    inputs_utils.resolve_parameters_with_schema(node_parameters=node.parameters)
                ),
            )
        store = open_store(self._copy)
        (noted,) = store.get_executions_by_id([execution.id])
        known = run_executions(store, RUN_ID)
        inputs = {
            key: found
            for key, spec in node.inputs.inputs.items()
            for found in [self._input(spec, known)]
            if found
        }
        return replace(read_execution(store, noted), inputs=inputs)

    def _input(self, spec: Any, known: Mapping[str, ExecutionRecord]) -> tuple[ArtifactRecord, ...]:
        """What a node will read under one key."""
        found: list[ArtifactRecord] = []
        for channel in spec.channels:
            source = channel.producer_node_query.id
            if source in self._runs:
                found.append(TO_COME)
            elif source in known:
                found += known[source].outputs.get(channel.output_key, ())
        return tuple(found)

    def _foresee_resolver(self, node: Any) -> ExecutionRecord:
        """What the baseline's resolver will find when the candidate is a model to come."""
        record = self._foresee(node)
        with self._connection() as handle:
            context = handle.store.get_context_by_type_and_name(PIPELINE_CONTEXT, self._pipeline)
            known = _artifacts_of(handle.store, context) if context else {}
        # A model that is made anew is the one that was lost, and is not compared with itself.
        lost = {
            artifact.id
            for source in self._sources(node) & set(self._remade)
            for artifact in self._remade[source].outputs.get("model", ())
        }
        models = known.get("Model", [])
        found = LatestOtherBlessedModelStrategy().resolve_artifacts(
            None,
            {
                "model": models,
                "model_blessing": known.get("ModelBlessing", []),
                "candidate": [model for model in models if model.id in lost],
            },
        )
        found["candidate"] = []  # it is to come
        outputs = {
            key: tuple(ArtifactRecord(a.id, a.uri, a.type_name, {}) for a in artifacts)
            for key, artifacts in found.items()
            if artifacts
        }
        self._note_outputs(record.id, found)
        return replace(record, inputs={}, outputs=outputs)

    def _note_outputs(self, execution_id: int, found: Mapping[str, Any]) -> None:
        """Writes what a resolver will find into the copy, for the nodes that read it."""
        events = []
        for key, artifacts in found.items():
            for artifact in artifacts:
                event = pb.Event(
                    execution_id=execution_id,
                    artifact_id=artifact.id,
                    type=pb.Event.INTERNAL_OUTPUT,
                )
                event.path.steps.add().key = key
                event.path.steps.add().index = 0
                events.append(event)
        if events:
            with self._connection() as handle:
                handle.store.put_events(events)

    def _last_seconds(self, store: Any, record: ExecutionRecord) -> float | None:
        context = store.get_context_by_type_and_name("node", f"{self._pipeline}.{record.node_id}")
        done = [
            execution
            for execution in (store.get_executions_by_context(context.id) if context else ())
            if execution.last_known_state == pb.Execution.COMPLETE
        ]
        if not done or record.type_name == RESOLVER:
            return None
        last = max(done, key=lambda execution: execution.id)
        return (last.last_update_time_since_epoch - last.create_time_since_epoch) / 1000

    def _connection(self) -> metadata.Metadata:
        return metadata.Metadata(metadata.sqlite_metadata_connection_config(str(self._copy)))


def _settings_of(prepared: Any) -> dict[str, Any]:
    """The exec properties with what the driver found, as an executor's end would record them."""
    output = execution_result_pb2.ExecutorOutput()
    outputs_utils.populate_exec_properties(output, prepared.execution_info.exec_properties)
    values = output.execution_properties.items()
    return {name: getattr(value, value.WhichOneof("value")) for name, value in values}


def _artifacts_of(store: Any, context: Any) -> dict[str, list[Any]]:
    """The live artifacts of a pipeline, by the name of their type."""
    found: dict[str, list[Any]] = {}
    artifacts = store.get_artifacts_by_context(context.id)
    types = {t.id: t for t in store.get_artifact_types_by_id({a.type_id for a in artifacts})}
    for artifact in artifacts:
        if artifact.state == pb.Artifact.LIVE:
            kind = types[artifact.type_id]
            found.setdefault(kind.name, []).append(
                artifact_utils.deserialize_artifact(kind, artifact)
            )
    return found
