"""Vertex ML Metadata to the same graph as the local store's, over REST.

Vertex AI Pipelines keeps a run as a context `system.PipelineRun`, a task as an execution whose
parameters are metadata named "input:…", and the names of its inputs and outputs beside them:

    {"input:seed": 7, "vertex-ai-pipelines-artifact-argument-binding":
        {"input:examples": ["projects/…/artifacts/12"], "output:model": ["…/artifacts/13"]}}

Artifacts and executions get numbers in the order of their making, so that both stay the same while
the store grows.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

from core.errors import InputError
from pipelines.metadata.graph import Artifact, Edge, Execution, Graph, Run
from pipelines.metadata.names import INTERRUPTED, RUNNING, STATES
from pipelines.metadata.read_store import Properties

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud

SCHEME = "vertex"
STORE = "default"  # every project has it in every region
MOST_RUNS = 100  # the newest, unless the source says otherwise
BINDING = "vertex-ai-pipelines-artifact-argument-binding"
PARAMETER = "input:"
# Executions that stand for a whole run or sub-DAG, not for a task.
WHOLES = {"system.Run", "system.DagExecution"}
# google.cloud.aiplatform_v1.Execution.State: NEW and RUNNING, then those of ML Metadata.
VERTEX_STATES = {1: RUNNING, 2: RUNNING, **STATES}
KINDS: dict[str, Literal["input", "output"]] = {"INPUT": "input", "OUTPUT": "output"}


@dataclass(frozen=True)
class Source:
    """Where a store is, as vertex://project/region/store?pipeline=demo&runs=100."""

    project: str
    region: str
    store: str = STORE
    pipeline: str | None = None  # only runs of this one
    runs: int = MOST_RUNS


def parse_source(text: str) -> Source:
    """Reads a source.

    Raises:
        InputError: it is none.
    """
    parts = urlsplit(text)
    place = [part for part in parts.path.split("/") if part]
    asked = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    runs = asked.pop("runs", str(MOST_RUNS))
    pipeline = asked.pop("pipeline", None)
    is_whole = parts.netloc and 1 <= len(place) <= 2
    if parts.scheme != SCHEME or not is_whole or asked or not (runs.isdigit() and int(runs)):
        raise InputError(
            f"--source {text}: write vertex://PROJECT/REGION, or "
            f"vertex://PROJECT/REGION/STORE?pipeline=NAME&runs={MOST_RUNS}."
        )
    store = place[1] if len(place) > 1 else STORE
    return Source(parts.netloc, place[0], store, pipeline, int(runs))


def open_vertex_store(text: str) -> "VertexStore":
    """Connects to a store with the credentials of this machine.

    Args:
        text: vertex://PROJECT/REGION[/STORE]; TEXTMILL_VERTEX_ENDPOINT names another endpoint.

    Raises:
        InputError: it is no such source.
        VertexError: there are no credentials.
    """
    from pipelines.cloud.client import connect

    source = parse_source(text)
    endpoint = os.environ.get("TEXTMILL_VERTEX_ENDPOINT")
    return VertexStore(source, connect(source.project, source.region, endpoint))


class VertexStore:
    """One store of Vertex ML Metadata, with the answers of `read_store.Store`."""

    def __init__(self, source: Source, cloud: "Cloud") -> None:
        """Args: cloud, of the source's project and region."""
        self._source, self._cloud = source, cloud

    def graph(self) -> Graph:
        """The newest runs, and all that they read and wrote."""
        return self._read.graph

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """The parameters of executions."""
        return {n: self._read.settings[n] for n in execution_ids if n in self._read.settings}

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """The metadata of artifacts; of all of them, if None is given, those of these names."""
        wanted = self._read.properties if artifact_ids is None else artifact_ids
        told = {n: self._read.properties[n] for n in wanted if n in self._read.properties}
        if names:
            told = {n: {k: v for k, v in p.items() if k in names} for n, p in told.items()}
        return {n: found for n, found in told.items() if found}

    def origins(self) -> Mapping[str, Properties]:
        """What is kept of each run."""
        return self._read.origins

    @cached_property
    def _read(self) -> "_Read":
        contexts = self._contexts()
        subgraphs = [(context, self._subgraph(context.name)) for context in contexts]
        return _read(subgraphs)

    def _contexts(self) -> list[Any]:
        """The contexts of the newest runs, oldest first."""
        import itertools

        from google.cloud import aiplatform_v1 as v1

        parent = f"{self._cloud.target.parent}/metadataStores/{self._source.store}"
        request = v1.ListContextsRequest(
            parent=parent, filter='schema_title="system.PipelineRun"', order_by="create_time desc"
        )

        def call() -> list[Any]:
            pages = self._cloud.metadata.list_contexts(request)
            wanted = (c for c in pages if self._source.pipeline in (None, _pipeline_of(c)))
            return list(itertools.islice(wanted, self._source.runs))

        found = self._cloud.call("list runs in ML Metadata", call)
        return sorted(found, key=lambda context: (context.create_time, context.name))

    def _subgraph(self, context: str) -> Any:
        return self._cloud.call(
            "read a run's lineage",
            lambda: self._cloud.metadata.query_context_lineage_subgraph(context=context),
        )


@dataclass(frozen=True)
class _Read:
    graph: Graph
    settings: Mapping[int, Properties]
    properties: Mapping[int, Properties]
    origins: Mapping[str, Properties]


def _read(subgraphs: list[tuple[Any, Any]]) -> _Read:
    """Contexts and their subgraphs to the graph."""
    tasks: dict[str, tuple[Any, str, str]] = {}  # resource name to message, run, pipeline
    artifacts: dict[str, Any] = {}
    events: dict[tuple[str, str, str], None] = {}
    for context, subgraph in subgraphs:
        run_id, pipeline = _short(context.name), _pipeline_of(context)
        for message in subgraph.executions:
            if message.schema_title not in WHOLES:
                tasks.setdefault(message.name, (message, run_id, pipeline))
        artifacts |= {message.name: message for message in subgraph.artifacts}
        events |= {(e.execution, e.artifact, e.type_.name): None for e in subgraph.events}
    numbers = _numbered(message for message, _, _ in tasks.values())
    places = _numbered(artifacts.values())
    executions = {
        numbers[name]: _execution(numbers[name], *tasks[name])
        for name in sorted(tasks, key=lambda name: numbers[name])
    }
    plain = {name: _plain(message.metadata) for name, (message, _, _) in tasks.items()}
    keys = {name: _keys(metadata) for name, metadata in plain.items()}
    edges = [
        Edge(numbers[execution], places[artifact],
             keys[execution].get((KINDS[kind], artifact)) or artifacts[artifact].display_name,
             KINDS[kind])
        for execution, artifact, kind in events
        if execution in numbers and artifact in places and kind in KINDS
    ]  # fmt: skip
    edges.sort(key=lambda edge: (edge.execution, edge.key, edge.artifact))
    contexts = [context for context, _ in subgraphs]
    graph = Graph(
        _runs(contexts, executions), executions,
        {places[n]: _artifact(places[n], artifacts[n]) for n in sorted(places, key=places.get)},  # type: ignore[arg-type]
        tuple(edges),
    )  # fmt: skip
    return _Read(
        graph=graph,
        settings={numbers[name]: _settings(metadata) for name, metadata in plain.items()},
        properties={places[n]: _plain(message.metadata) for n, message in artifacts.items()},
        origins={_short(context.name): _plain(context.metadata) for context in contexts},
    )


def _runs(contexts: list[Any], executions: Mapping[int, Execution]) -> dict[str, Run]:
    members: dict[str, list[int]] = {}
    for number, execution in executions.items():
        members.setdefault(execution.run_id, []).append(number)
    runs = {}
    for context in contexts:
        name = _short(context.name)
        began = context.create_time.timestamp()
        runs[name] = Run(name, _pipeline_of(context), began, tuple(members.get(name, ())))
    return runs


def _execution(number: int, message: Any, run_id: str, pipeline: str) -> Execution:
    return Execution(
        number, run_id, pipeline, message.display_name, message.schema_title,
        VERTEX_STATES.get(int(message.state), INTERRUPTED), message.create_time.timestamp(),
        message.update_time.timestamp(),
    )  # fmt: skip


def _artifact(number: int, message: Any) -> Artifact:
    kind = message.schema_title.removeprefix("tfx.")  # TFX's own types, as they are called locally
    live = message.state.name == "LIVE"
    return Artifact(number, kind, message.uri, live, message.create_time.timestamp())


def _keys(metadata: Properties) -> dict[tuple[str, str], str]:
    """The name of an input or output, by its kind and the artifact's resource name."""
    return {
        (kind, artifact): key
        for name, artifacts in metadata.get(BINDING, {}).items()
        for kind, _, key in [name.partition(":")]
        for artifact in artifacts
    }


def _settings(metadata: Properties) -> Properties:
    found = {k.removeprefix(PARAMETER): v for k, v in metadata.items() if k.startswith(PARAMETER)}
    return dict(sorted(found.items()))


def _plain(struct: Any) -> Properties:
    """A Struct as plain values; it knows no whole numbers, so that 7.0 is taken for 7."""
    return {name: _value(struct[name]) for name in struct} if struct else {}


def _value(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if hasattr(value, "items"):
        return {name: _value(inner) for name, inner in value.items()}
    if isinstance(value, Iterable) and not isinstance(value, str | bytes):
        return [_value(inner) for inner in value]
    return value


def _numbered(messages: Iterable[Any]) -> dict[str, int]:
    """Resource names to numbers from 1 on, in the order of their making."""
    ordered = sorted(messages, key=lambda message: (message.create_time, message.name))
    return {message.name: number for number, message in enumerate(ordered, start=1)}


def _pipeline_of(context: Any) -> str:
    return _short(context.parent_contexts[0]) if context.parent_contexts else ""


def _short(name: str) -> str:
    return name.rpartition("/")[2]
