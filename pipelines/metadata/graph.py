"""Represent runs, executions and artifacts as a graph, and walk it.

`read_store` builds the graph from ML Metadata's SQLite file.

    Run ─has─► Execution ─event─► Artifact      an output
               Execution ◄─event─ Artifact      an input
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from pipelines.metadata.names import BASELINE, CACHED, INTERRUPTED, RESOLVER, RUNNING

Direction = Literal["upstream", "downstream"]


@dataclass(frozen=True, slots=True)
class Artifact:
    """One output folder of a node."""

    id: int
    type_name: str  # for example "Examples" or "components.Vocabulary"
    uri: str
    live: bool  # complete; the output of a failed node is not
    created: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a node. A cached execution reused earlier outputs."""

    id: int
    run_id: str
    pipeline: str
    node_id: str
    type_name: str  # path of the component class
    state: str  # RAN, CACHED, FAILED, INTERRUPTED or RUNNING
    began: float  # seconds since 1970
    ended: float  # of an interrupted one: its last update

    @property
    def looks_up(self) -> bool:
        """Whether it only finds existing artifacts."""
        return self.type_name == RESOLVER


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline."""

    id: str
    pipeline: str
    began: float  # seconds since 1970
    executions: tuple[int, ...]  # ids, in order of their start


@dataclass(frozen=True, slots=True)
class Edge:
    """The use of an artifact by an execution."""

    execution: int
    artifact: int
    key: str  # name of the input or output, for example "examples"
    kind: Literal["input", "output", "found"]  # found: by a resolver


@dataclass(frozen=True)
class Graph:
    """The graph of a whole store, or of one run and its ancestors."""

    runs: Mapping[str, Run]
    executions: Mapping[int, Execution]
    artifacts: Mapping[int, Artifact]
    edges: tuple[Edge, ...]

    @cached_property
    def _inputs(self) -> Mapping[int, list[Edge]]:
        return _group((e for e in self.edges if e.kind == "input"), by="execution")

    @cached_property
    def _outputs(self) -> Mapping[int, list[Edge]]:
        return _group((e for e in self.edges if e.kind != "input"), by="execution")

    @cached_property
    def _writers(self) -> Mapping[int, list[Edge]]:
        return _group((e for e in self.edges if e.kind == "output"), by="artifact")

    @cached_property
    def _readers(self) -> Mapping[int, list[Edge]]:
        return _group((e for e in self.edges if e.kind == "input"), by="artifact")

    def inputs(self, execution_id: int) -> list[Edge]:
        """Return the input edges of an execution."""
        return self._inputs.get(execution_id, [])

    def outputs(self, execution_id: int) -> list[Edge]:
        """Return the edges to what an execution wrote, reused or looked up."""
        return self._outputs.get(execution_id, [])

    def producer(self, artifact_id: int) -> Execution | None:
        """Return the execution that wrote an artifact; never a cached one."""
        writers = (self.executions[e.execution] for e in self._writers.get(artifact_id, []))
        return next((e for e in writers if e.state != CACHED), None)

    def reuses(self, artifact_id: int) -> list[Execution]:
        """Return the cached executions that reused an artifact, oldest first."""
        writers = (self.executions[e.execution] for e in self._writers.get(artifact_id, []))
        return [e for e in writers if e.state == CACHED]

    def readers(self, artifact_id: int) -> list[Execution]:
        """Return the executions that read an artifact and were not cached, oldest first."""
        readers = (self.executions[e.execution] for e in self._readers.get(artifact_id, []))
        return [e for e in readers if e.state != CACHED]

    def true_execution(self, execution: Execution) -> Execution:
        """Return the execution that made the outputs: itself, or the producer if it was cached."""
        if execution.state == CACHED:
            for edge in self.outputs(execution.id):
                if producer := self.producer(edge.artifact):
                    return producer
        return execution

    def of_run(self, run_id: str) -> dict[str, Execution]:
        """Return the executions of a run by node, in order; the last one if a node ran twice."""
        executions = (self.executions[number] for number in self.runs[run_id].executions)
        return {execution.node_id: execution for execution in executions}

    def with_running(self, run_id: str) -> "Graph":
        """Return the graph with the unfinished executions of a run marked as running."""
        members = set(self.runs[run_id].executions) if run_id in self.runs else set()
        executions = {
            number: replace(execution, state=RUNNING)
            if number in members and execution.state == INTERRUPTED
            else execution
            for number, execution in self.executions.items()
        }
        return replace(self, executions=executions)

    def walk(
        self, artifact_ids: Iterable[int], direction: Direction, depth: int | None = None
    ) -> Iterator[tuple[int, Artifact]]:
        """Walk the graph from some artifacts, nearest first, visiting each artifact once.

        Args:
            artifact_ids: where to start; they come first, at distance 0.
            direction: "upstream" to their ancestors, "downstream" to their descendants.
            depth: maximum distance in executions; None has no limit.

        Yields:
            The distance in executions, and the artifact.
        """
        step = self._upstream if direction == "upstream" else self._downstream
        seen: set[int] = set()
        distance, frontier = 0, list(dict.fromkeys(artifact_ids))
        while frontier and (depth is None or distance <= depth):
            seen.update(frontier)
            yield from ((distance, self.artifacts[number]) for number in frontier)
            reached = (near for number in frontier for near in step(number))
            frontier = [number for number in dict.fromkeys(reached) if number not in seen]
            distance += 1

    def _upstream(self, artifact_id: int) -> list[int]:
        producer = self.producer(artifact_id)
        edges = self.inputs(producer.id) if producer else []
        return [edge.artifact for edge in edges if edge.key != BASELINE]

    def _downstream(self, artifact_id: int) -> list[int]:
        users = {e.execution for e in self._readers.get(artifact_id, []) if e.key != BASELINE}
        readers = (reader.id for reader in self.readers(artifact_id) if reader.id in users)
        return [edge.artifact for reader in readers for edge in self.outputs(reader)]


def _group(edges: Iterable[Edge], by: Literal["execution", "artifact"]) -> Mapping[int, list[Edge]]:
    groups: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[getattr(edge, by)].append(edge)
    return groups


def make_runs(
    started: Iterable[tuple[str, str, float]], executions: Mapping[int, Execution]
) -> dict[str, Run]:
    """Return the runs by id, from the id, pipeline and start of each; a killed one may be empty."""
    members: dict[str, list[int]] = defaultdict(list)
    for number, execution in executions.items():
        members[execution.run_id].append(number)
    return {
        run_id: Run(run_id, pipeline, began, tuple(members[run_id]))
        for run_id, pipeline, began in started
    }
