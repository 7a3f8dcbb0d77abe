"""Read the graph from Vertex ML Metadata, over REST.

Vertex AI Pipelines stores a run as a context `system.PipelineRun`, and a task as an execution. The
metadata of a task holds its parameters as "input:…", and the names of its inputs and outputs:

    {"input:seed": 7, "vertex-ai-pipelines-artifact-argument-binding":
        {"input:examples": ["projects/…/artifacts/12"], "output:model": ["…/artifacts/13"]}}

Artifacts and executions are numbered in order of creation, so that their numbers do not change
while the store grows.
"""

import functools
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qs, urlsplit

from core.errors import InputError
from pipelines.metadata.graph import Artifact, Edge, Execution, Graph, make_runs
from pipelines.metadata.names import INTERRUPTED, RUNNING, STATES
from pipelines.metadata.source import Properties

if TYPE_CHECKING:
    from pipelines.cloud.client import Cloud

BINDING = "vertex-ai-pipelines-artifact-argument-binding"
PARAMETER = "input:"
# Types of the executions that represent a whole run or sub-DAG.
NOT_TASKS = {"system.Run", "system.DagExecution"}
# google.cloud.aiplatform_v1.Execution.State: NEW and RUNNING, then those of ML Metadata.
VERTEX_STATES = {1: RUNNING, 2: RUNNING, **STATES}
KINDS: dict[str, Literal["input", "output"]] = {"INPUT": "input", "OUTPUT": "output"}
STORE = "default"  # exists in every project and region
MAX_RUNS = 100  # the newest, unless the source says otherwise


@dataclass(frozen=True)
class Source:
    """The address of a store: vertex://project/region/store?pipeline=demo&runs=100."""

    project: str
    region: str
    store: str = STORE
    pipeline: str | None = None  # read only runs of this one
    runs: int = MAX_RUNS


def open_vertex_store(text: str) -> "VertexStore":
    """Connect to vertex://PROJECT/REGION[/STORE] with this machine's credentials.

    The environment variable TEXTMILL_VERTEX_ENDPOINT can name another endpoint.

    Raises:
        InputError: the text is not such an address.
    """
    from pipelines.cloud.connect import connect

    source = parse_source(text)
    endpoint = os.environ.get("TEXTMILL_VERTEX_ENDPOINT")
    return VertexStore(source, connect(source.project, source.region, endpoint))


class VertexStore:
    """One store of Vertex ML Metadata, with the interface of `read_store.Store`."""

    def __init__(self, source: Source, cloud: "Cloud") -> None:
        self._source, self._cloud = source, cloud

    def graph(self) -> Graph:
        """Return the newest runs, and all that they read and wrote."""
        return self._content.graph

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """Return the parameters of executions."""
        return {n: self._content.settings[n] for n in execution_ids if n in self._content.settings}

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """Return the named metadata of artifacts; None stands for all artifacts, () for all."""
        known = self._content.properties
        properties = {
            number: {k: v for k, v in known[number].items() if not names or k in names}
            for number in (known if artifact_ids is None else artifact_ids)
            if number in known
        }
        return {number: of_artifact for number, of_artifact in properties.items() if of_artifact}

    def origins(self) -> Mapping[str, Properties]:
        """Return the code, host and user recorded for each run."""
        return self._content.origins

    @functools.cached_property
    def _content(self) -> "_Content":
        contexts = self._contexts()
        query = self._cloud.metadata.query_context_lineage_subgraph
        subgraphs = (
            self._cloud.call("read a run's lineage", functools.partial(query, context=context.name))
            for context in contexts
        )
        return _convert(list(zip(contexts, subgraphs, strict=True)))

    def _contexts(self) -> list[Any]:
        """Return the contexts of the newest runs, oldest first."""
        from google.cloud import aiplatform_v1 as v1

        parent = f"{self._cloud.target.parent}/metadataStores/{self._source.store}"
        request = v1.ListContextsRequest(
            parent=parent, filter='schema_title="system.PipelineRun"', order_by="create_time desc"
        )

        def call() -> list[Any]:
            pages = self._cloud.metadata.list_contexts(request)
            contexts = (c for c in pages if self._source.pipeline in (None, _read_pipeline(c)))
            return list(islice(contexts, self._source.runs))

        contexts = self._cloud.call("list runs in ML Metadata", call)
        return sorted(contexts, key=lambda context: (context.create_time, context.name))


@dataclass(frozen=True)
class _Content:
    graph: Graph
    settings: Mapping[int, Properties]
    properties: Mapping[int, Properties]
    origins: Mapping[str, Properties]


def _convert(subgraphs: list[tuple[Any, Any]]) -> _Content:
    tasks: dict[str, tuple[Any, str, str]] = {}  # resource name to message, run, pipeline
    artifacts: dict[str, Any] = {}
    events: dict[tuple[str, str, str], None] = {}
    for context, subgraph in subgraphs:
        run_id, pipeline = _short(context.name), _read_pipeline(context)
        for message in subgraph.executions:
            if message.schema_title not in NOT_TASKS:
                tasks.setdefault(message.name, (message, run_id, pipeline))
        artifacts |= {message.name: message for message in subgraph.artifacts}
        events |= {(e.execution, e.artifact, e.type_.name): None for e in subgraph.events}
    task_ids = _numbered(message for message, _, _ in tasks.values())
    artifact_ids = _numbered(artifacts.values())
    executions = {id_: _execution(id_, *tasks[name]) for name, id_ in task_ids.items()}
    metadata = {name: _plain(message.metadata) for name, (message, _, _) in tasks.items()}
    keys = {name: _keys(of_task) for name, of_task in metadata.items()}
    edges = [
        Edge(task_ids[task], artifact_ids[artifact],
             keys[task].get((KINDS[kind], artifact)) or artifacts[artifact].display_name,
             KINDS[kind])
        for task, artifact, kind in events
        if task in task_ids and artifact in artifact_ids and kind in KINDS
    ]  # fmt: skip
    edges.sort(key=lambda edge: (edge.execution, edge.key, edge.artifact))
    contexts = [context for context, _ in subgraphs]
    started = [(_short(c.name), _read_pipeline(c), c.create_time.timestamp()) for c in contexts]
    graph = Graph(
        make_runs(started, executions),
        executions,
        {id_: _artifact(id_, artifacts[name]) for name, id_ in artifact_ids.items()},
        tuple(edges),
    )
    return _Content(
        graph=graph,
        settings={task_ids[name]: _parameters(of_task) for name, of_task in metadata.items()},
        properties={artifact_ids[n]: _plain(message.metadata) for n, message in artifacts.items()},
        origins={_short(context.name): _plain(context.metadata) for context in contexts},
    )


def _execution(number: int, message: Any, run_id: str, pipeline: str) -> Execution:
    return Execution(
        number, run_id, pipeline, message.display_name, message.schema_title,
        VERTEX_STATES.get(int(message.state), INTERRUPTED), message.create_time.timestamp(),
        message.update_time.timestamp(),
    )  # fmt: skip


def _artifact(number: int, message: Any) -> Artifact:
    kind = message.schema_title.removeprefix("tfx.")  # the local name of TFX's own types
    live = message.state.name == "LIVE"
    return Artifact(number, kind, message.uri, live, message.create_time.timestamp())


def _parameters(metadata: Properties) -> Properties:
    return {
        name.removeprefix(PARAMETER): value
        for name, value in sorted(metadata.items())
        if name.startswith(PARAMETER)
    }


def _keys(metadata: Properties) -> dict[tuple[str, str], str]:
    """Return the names of inputs and outputs by kind and resource name of the artifact."""
    return {
        (kind, artifact): key
        for name, artifacts in metadata.get(BINDING, {}).items()
        for kind, _, key in [name.partition(":")]
        for artifact in artifacts
    }


def _plain(struct: Any) -> Properties:
    """Convert a Struct to plain values. It has no integers, so 7.0 becomes 7."""
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
    """Number messages from 1 in order of creation; return the numbers by resource name."""
    ordered = sorted(messages, key=lambda message: (message.create_time, message.name))
    return {message.name: number for number, message in enumerate(ordered, start=1)}


def _read_pipeline(context: Any) -> str:
    return _short(context.parent_contexts[0]) if context.parent_contexts else ""


def _short(name: str) -> str:
    return name.rpartition("/")[2]


def parse_source(text: str) -> Source:
    """Parse the address of a store.

    Raises:
        InputError: the text is not such an address.
    """
    parts = urlsplit(text)
    path = [part for part in parts.path.split("/") if part]
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    runs = query.pop("runs", str(MAX_RUNS))
    pipeline = query.pop("pipeline", None)
    is_complete = parts.netloc and 1 <= len(path) <= 2
    if parts.scheme != "vertex" or not is_complete or query or not (runs.isdigit() and int(runs)):
        raise InputError(
            f"--source {text}: write vertex://PROJECT/REGION, or "
            f"vertex://PROJECT/REGION/STORE?pipeline=NAME&runs={MAX_RUNS}."
        )
    store = path[1] if len(path) > 1 else STORE
    return Source(parts.netloc, path[0], store, pipeline, int(runs))
