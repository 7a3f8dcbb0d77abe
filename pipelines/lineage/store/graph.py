"""Runs, executions and artifacts as plain values, and the walks over them.

The graph knows nothing of where it was read: `read_store` fills it from ML Metadata's SQLite file.

    Run ─has─► Execution ─event─► Artifact      what a node wrote
               Execution ◄─event─ Artifact      what a node read
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

RAN, CACHED, FAILED, INTERRUPTED = "ran", "cached", "failed", "interrupted"
RUNNING = "running"  # its process is at work now; `Archive` tells it from an interrupted one
RESOLVER = "tfx.dsl.components.common.resolver.Resolver"  # looks up, and makes nothing
Direction = Literal["upstream", "downstream"]
# A model that another is compared with is no part of what that other is made from.
COMPARED = "baseline_model"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One folder that a node wrote."""

    id: int
    type_name: str  # as "Examples" or "components.Vocabulary"
    uri: str
    live: bool  # complete; a failed node's output is not
    created: float  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Execution:
    """One execution of a node; a cached one stands for a reuse."""

    id: int
    run_id: str
    pipeline: str
    node_id: str
    type_name: str  # the component class's path
    state: str  # RAN, CACHED, FAILED, INTERRUPTED or RUNNING
    began: float  # seconds since 1970
    ended: float  # of an interrupted one: when it was last heard of

    @property
    def looks_up(self) -> bool:
        """Whether it only finds what others made."""
        return self.type_name == RESOLVER


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a pipeline."""

    id: str
    pipeline: str
    began: float  # seconds since 1970
    executions: tuple[int, ...]  # ids, in the order of their begin


@dataclass(frozen=True, slots=True)
class Edge:
    """An execution read or wrote an artifact."""

    execution: int
    artifact: int
    key: str  # the input's or output's name, as "examples"
    kind: Literal["input", "output", "found"]  # found: a resolver looked it up


@dataclass(frozen=True)
class Graph:
    """All of a store, or of one run and what it stands on."""

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
        """What an execution read."""
        return self._inputs.get(execution_id, [])

    def outputs(self, execution_id: int) -> list[Edge]:
        """What an execution wrote, reused or found."""
        return self._outputs.get(execution_id, [])

    def producer(self, artifact_id: int) -> Execution | None:
        """The execution that wrote an artifact; never a cached one, which only reused it."""
        wrote = [self.executions[e.execution] for e in self._writers.get(artifact_id, [])]
        return next((e for e in wrote if e.state != CACHED), None)

    def reuses(self, artifact_id: int) -> list[Execution]:
        """The cached executions that an artifact served, oldest first."""
        wrote = (self.executions[e.execution] for e in self._writers.get(artifact_id, []))
        return [e for e in wrote if e.state == CACHED]

    def readers(self, artifact_id: int) -> list[Execution]:
        """The executions that read an artifact and made something of their own, oldest first."""
        read = (self.executions[e.execution] for e in self._readers.get(artifact_id, []))
        return [e for e in read if e.state != CACHED]

    def true_execution(self, execution: Execution) -> Execution:
        """Where the outputs of an execution come from: itself, or of a cached one the producer."""
        if execution.state == CACHED:
            for edge in self.outputs(execution.id):
                if found := self.producer(edge.artifact):
                    return found
        return execution

    def of_run(self, run_id: str) -> dict[str, Execution]:
        """A run's executions by node, in their order; the last one where a node ran twice."""
        found = (self.executions[number] for number in self.runs[run_id].executions)
        return {execution.node_id: execution for execution in found}

    def with_running(self, run_id: str) -> "Graph":
        """The same while a run is at work: what of it is not ended is running."""
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
        """Artifacts from the given ones on, nearest first, each once.

        Args:
            artifact_ids: where to start; they come first, at distance 0.
            direction: "upstream" to what they were made from, "downstream" to what they led to.
            depth: the most executions between the start and an artifact; None walks to the end.

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
        read = self.inputs(producer.id) if producer else []
        return [edge.artifact for edge in read if edge.key != COMPARED]

    def _downstream(self, artifact_id: int) -> list[int]:
        made_from = {e.execution for e in self._readers.get(artifact_id, []) if e.key != COMPARED}
        readers = (reader.id for reader in self.readers(artifact_id) if reader.id in made_from)
        return [edge.artifact for reader in readers for edge in self.outputs(reader)]


def _group(edges: Iterable[Edge], by: Literal["execution", "artifact"]) -> Mapping[int, list[Edge]]:
    groups: dict[int, list[Edge]] = defaultdict(list)
    for edge in edges:
        groups[getattr(edge, by)].append(edge)
    return groups
