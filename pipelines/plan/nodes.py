"""Predict which nodes a run would execute, and why.

A node whose inputs are known is prepared by the launcher that a run uses (driver, cache key, check
of the cached bytes), on a copy of the metadata store. If it is cached, its outputs are then in the
copy, as in a run. If it would execute, it would make a new artifact whose id is part of the cache
keys downstream, so every node that reads it would execute too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tfx.orchestration import pipeline as tfx_pipeline

from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from components.tfx_internals.local_pipeline import (
    compile_pipeline,
    make_launcher,
    prepare_execution,
    register_execution,
)
from pipelines.local.local_runner import NodeLauncher, disable_cache_from, nodes_until
from pipelines.metadata.cache_reason import compare, node_counts, settle, with_facts_of_producer
from pipelines.metadata.mlmd.store_copy import connect, copy_store, live_artifacts, record_outputs
from pipelines.metadata.mlmd.update import relocate
from pipelines.metadata.names import RAN, RESOLVER
from pipelines.metadata.read_store import Store
from pipelines.metadata.records import ArtifactRecord, ExecutionRecord, Records

RUNS, CACHED, LOOKS_UP = "runs", "cached", "looks up"
RUN_ID = "plan"  # in the copy of the store
FUTURE = ArtifactRecord(-1, "", "", {})  # stands for an artifact that the run would make


@dataclass(frozen=True)
class PlannedNode:
    """What a run would do with one node, and why."""

    node: str
    state: str  # RUNS, CACHED or LOOKS_UP
    why: str  # as the summary of the run would say it
    because_of: tuple[str, ...]  # upstream nodes that would execute
    last_seconds: float | None  # duration of its last successful execution in this store
    train_instances: int | None = None  # in the train split, of cached instances


def plan_nodes(
    pipeline: tfx_pipeline.Pipeline,
    metadata_path: Path,
    to_node: str | None = None,
    rerun: str | None = None,
) -> list[PlannedNode]:
    """Predict what a run of the pipeline would do, in its order, without changing store or folders.

    Args:
        pipeline: the pipeline that would run.
        metadata_path: SQLite file of the metadata store; it does not have to exist.
        to_node: last node to plan, together with the nodes it depends on; None plans all.
        rerun: first node that does not use the cache.

    Raises:
        InputError: a driver rejects the text, or the pipeline has no such node.
    """
    spec = compile_pipeline(pipeline, RUN_ID)
    nodes = nodes_until(list(spec.nodes), to_node)
    disable_cache_from(nodes, rerun)
    with copy_store(metadata_path) as (copy, scratch):
        relocate(copy, metadata_path.parent)
        planner = _Planner(spec, copy, scratch, rerun)
        return [planner.plan(node.pipeline_node) for node in nodes]


class _Planner:
    """Plans nodes in order, keeping track of those that would execute."""

    def __init__(self, spec: Any, copy: Path, scratch: str, rerun: str | None) -> None:
        self._spec, self._copy, self._scratch, self._rerun = spec, copy, scratch, rerun
        self._pipeline = spec.pipeline_info.id
        self._runs: set[str] = set()  # nodes that would execute
        # Nodes that would execute only to restore lost outputs, with their last good execution.
        self._restored: dict[str, ExecutionRecord] = {}

    def plan(self, node: Any) -> PlannedNode:
        """Plan one node, after the nodes that it reads from."""
        node_id = node.node_info.id
        because_of = tuple(sorted(self._upstream(node) & self._runs))
        if not because_of:
            record = self._launch(node, node_id)
        elif node.node_info.type.name == RESOLVER:
            record = self._predict_resolver(node)
        else:
            record = self._predict(node)
        records = self._records()
        state, why = settle(records, self._pipeline, record, rerun=self._rerun)
        if record.type_name == RESOLVER:
            return PlannedNode(node_id, LOOKS_UP, why, because_of, None)
        if state != CACHED:
            state = RUNS
            self._runs.add(node_id)
            self._note_restored(records, node, record)
        done = [e for e in records.of_node(self._pipeline, node_id) if e.state == RAN]
        last_seconds = done[-1].seconds if done else None
        instances = _count_train_instances(record) if state == CACHED else None
        return PlannedNode(node_id, state, why, because_of, last_seconds, instances)

    def _records(self) -> Records:
        """Read the copy of the store, which each planned node changes."""
        return Records(Store(self._copy))

    def _note_restored(self, records: Records, node: Any, record: ExecutionRecord) -> None:
        """Remember a node that executes although it and the content of its inputs are unchanged."""
        executions = records.of_node(self._pipeline, record.node_id)
        good = [e for e in executions if e.id < record.id and e.state in {RAN, CACHED}]
        if not good:
            return
        before = with_facts_of_producer(records, good[-1])
        restored_keys = {
            key
            for key, spec in node.inputs.inputs.items()
            if {channel.producer_node_query.id for channel in spec.channels} <= set(self._restored)
        }
        inputs = {
            key: good[-1].inputs.get(key, artifacts) if key in restored_keys else artifacts
            for key, artifacts in record.inputs.items()
        }
        if not any(compare(before, replace(record, inputs=inputs))):
            self._restored[record.node_id] = good[-1]

    def _upstream(self, node: Any) -> set[str]:
        channels = (c for spec in node.inputs.inputs.values() for c in spec.channels)
        return {channel.producer_node_query.id for channel in channels} - {""}

    def _launch(self, node: Any, node_id: str) -> ExecutionRecord:
        """Let the launcher decide as in a run, and read the execution that it recorded."""
        launcher = make_launcher(NodeLauncher, self._spec, node, connect(self._copy))
        if node.node_info.type.name == RESOLVER:
            launcher.launch()  # a resolver only queries the store
            return self._records().of_run(RUN_ID)[node_id]
        settings = prepare_execution(launcher, self._spec, node, self._scratch)
        record = self._records().of_run(RUN_ID)[node_id]
        return replace(record, settings={**record.settings, **settings})

    def _predict(self, node: Any) -> ExecutionRecord:
        """Predict the execution of a node that would read artifacts that do not exist yet."""
        with connect(self._copy) as handle:
            execution = register_execution(handle, node)
        records = self._records()
        planned = records.of_run(RUN_ID)
        inputs = {
            key: artifacts
            for key, spec in node.inputs.inputs.items()
            if (artifacts := self._predict_input(spec, planned))
        }
        return replace(records.by_id(execution.id), inputs=inputs)

    def _predict_input(
        self, spec: Any, planned: Mapping[str, ExecutionRecord]
    ) -> tuple[ArtifactRecord, ...]:
        artifacts: list[ArtifactRecord] = []
        for channel in spec.channels:
            producer = channel.producer_node_query.id
            if producer in self._runs:
                artifacts.append(FUTURE)
            elif producer in planned:
                artifacts += planned[producer].outputs.get(channel.output_key, ())
        return tuple(artifacts)

    def _predict_resolver(self, node: Any) -> ExecutionRecord:
        """Predict which baseline the resolver would find for a model that does not exist yet."""
        record = self._predict(node)
        live = live_artifacts(self._copy, self._pipeline)
        # A restored model replaces the lost one, and must not be compared with itself.
        lost = {
            artifact.id
            for producer in self._upstream(node) & set(self._restored)
            for artifact in self._restored[producer].outputs.get("model", ())
        }
        models = live.get("Model", [])
        resolved = LatestOtherBlessedModelStrategy().resolve_artifacts(
            None,
            {
                "model": models,
                "model_blessing": live.get("ModelBlessing", []),
                "candidate": [model for model in models if model.id in lost],
            },
        )
        resolved["candidate"] = []  # does not exist yet
        outputs = {
            key: tuple(ArtifactRecord(a.id, a.uri, a.type_name, {}) for a in artifacts)
            for key, artifacts in resolved.items()
            if artifacts
        }
        record_outputs(self._copy, record.id, resolved)
        return replace(record, inputs={}, outputs=outputs)


def _count_train_instances(record: ExecutionRecord) -> int | None:
    counts = node_counts(record).get("instances")
    return counts["counts"]["train"]["instances"] if counts else None
