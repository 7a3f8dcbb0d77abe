"""Read a run's executions from a store, together with their settings, inputs and outputs."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipelines.metadata.graph import Edge, Execution
from pipelines.metadata.source import MetadataSource, Properties


@dataclass(frozen=True)
class ArtifactRecord:
    """One artifact: its folder and its properties."""

    id: int
    uri: str
    type_name: str
    properties: Properties


ArtifactRecords = dict[str, tuple[ArtifactRecord, ...]]  # by input or output key


@dataclass(frozen=True)
class ExecutionRecord:
    """One execution of a node."""

    id: int
    node_id: str
    run_id: str
    type_name: str  # path of the component class
    state: str  # RAN, CACHED, FAILED or INTERRUPTED
    seconds: float
    settings: dict[str, Any]  # exec properties
    inputs: ArtifactRecords = field(default_factory=dict)
    outputs: ArtifactRecords = field(default_factory=dict)


class Records:
    """The executions in a store, as they are when this object is made."""

    def __init__(self, source: MetadataSource) -> None:
        self._source, self._graph = source, source.graph()

    def of_run(self, run_id: str) -> dict[str, ExecutionRecord]:
        """Return the executions of a run by node id; the last one if a node ran twice."""
        executions = self._graph.of_run(run_id).values() if run_id in self._graph.runs else ()
        return {record.node_id: record for record in self._read(executions)}

    def of_node(self, pipeline: str, node_id: str) -> list[ExecutionRecord]:
        """Return all executions of a node in all runs, oldest first."""
        node = (pipeline, node_id)
        everything = self._graph.executions.values()
        return self._read(e for e in everything if (e.pipeline, e.node_id) == node)

    def by_id(self, execution_id: int) -> ExecutionRecord:
        """Return one execution."""
        (record,) = self._read([self._graph.executions[execution_id]])
        return record

    def producers(self, record: ExecutionRecord) -> list[ExecutionRecord]:
        """Return the executions that wrote the outputs of a cached execution, oldest first."""
        artifacts = (a for several in record.outputs.values() for a in several)
        producers = (self._graph.producer(artifact.id) for artifact in artifacts)
        by_id = {producer.id: producer for producer in producers if producer}
        return self._read(execution for _, execution in sorted(by_id.items()))

    def _read(self, executions: Iterable[Execution]) -> list[ExecutionRecord]:
        chosen = list(executions)
        edges = {e.id: (self._graph.inputs(e.id), self._graph.outputs(e.id)) for e in chosen}
        settings = self._source.settings(edges)
        used = {edge.artifact for both in edges.values() for of_kind in both for edge in of_kind}
        properties = self._source.properties(used)

        def artifacts(of_kind: list[Edge]) -> ArtifactRecords:
            by_key: ArtifactRecords = {}
            for edge in of_kind:
                artifact = self._graph.artifacts[edge.artifact]
                own = properties.get(artifact.id, {})
                record = ArtifactRecord(artifact.id, artifact.uri, artifact.type_name, own)
                by_key[edge.key] = (*by_key.get(edge.key, ()), record)
            return by_key

        return [
            ExecutionRecord(
                id=execution.id,
                node_id=execution.node_id,
                run_id=execution.run_id,
                type_name=execution.type_name,
                state=execution.state,
                seconds=execution.ended - execution.began,
                settings=dict(settings.get(execution.id, {})),
                inputs=artifacts(edges[execution.id][0]),
                outputs=artifacts(edges[execution.id][1]),
            )
            for execution in chosen
        ]
