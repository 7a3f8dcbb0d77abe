"""Emulate Vertex ML Metadata: artifacts, executions, contexts, events and lineage."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1

from tests.vertex_server.documented import FILTERS
from tests.vertex_server.filters import matches
from tests.vertex_server.resources import (
    Call,
    Refusal,
    dump,
    must_find,
    must_match,
    now,
    page,
    parse,
    start_operation,
)

STORE = r"projects/[^/]+/locations/[^/]+/metadataStores/[^/:]+"
MOST = 1000  # artifacts, executions or events of a lineage, as QueryContextLineageSubgraph says
ID_PATTERN = "[a-z0-9][a-z0-9-]{0,127}"


@dataclass(frozen=True)
class Kind:
    """One kind of node: its plural in URLs, its message, and its id parameters."""

    plural: str
    message: type
    id_names: tuple[str, str]


KINDS = (
    Kind("artifacts", v1.Artifact, ("artifactId", "artifact_id")),
    Kind("executions", v1.Execution, ("executionId", "execution_id")),
    Kind("contexts", v1.Context, ("contextId", "context_id")),
)


@dataclass
class Metadata:
    """The nodes by resource name, and the events between them."""

    artifacts: dict[str, v1.Artifact] = field(default_factory=dict)
    executions: dict[str, v1.Execution] = field(default_factory=dict)
    contexts: dict[str, v1.Context] = field(default_factory=dict)
    events: list[v1.Event] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=dict)  # context to artifacts, executions


def get_store(server: Any, call: Call, name: str) -> v1.MetadataStore:
    """GET …/metadataStores/ID; every project has its default store."""
    return v1.MetadataStore(name=name)


def _routes_of(kind: Kind) -> list[tuple[str, str, Any]]:
    collection = rf"/v1/(?P<parent>{STORE})/{kind.plural}"
    node = rf"/v1/(?P<name>{STORE}/{kind.plural}/[^/:]+)"

    def create(server: Any, call: Call, parent: str) -> Any:
        kept = getattr(server, kind.plural)
        made: Any = parse(kind.message, call.body)
        node_id = call.one(*kind.id_names) or f"{kind.plural[:-1]}-{len(kept) + 1}"
        must_match(ID_PATTERN, node_id, f"{kind.plural[:-1]} ID")
        made.name = f"{parent}/{kind.plural}/{node_id}"
        if made.name in kept:
            raise Refusal(409, f"{kind.message.__name__} with name {made.name} already exists.")
        made.create_time = made.update_time = now()
        kept[made.name] = made
        return made

    def get(server: Any, call: Call, name: str) -> Any:
        return must_find(getattr(server, kind.plural), name)

    def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
        kept = [m for n, m in getattr(server, kind.plural).items() if n.startswith(f"{parent}/")]
        expression = call.one("filter")
        matches(
            expression, {}, FILTERS[kind.plural]
        )  # refuses a wrong filter of an empty list, too
        chosen = [message for message in kept if _passes(server, message, expression, kind)]
        rest = {name: value for name, value in call.query.items() if name != "filter"}
        paged = Call(method=call.method, path=call.path, query=rest)
        return page(chosen, paged, kind.plural, "int" in call.one("$alt"))

    def update(server: Any, call: Call, name: str) -> Any:
        kept = getattr(server, kind.plural)
        wanted: Any = parse(kind.message, call.body)
        if name not in kept and call.one("allowMissing", "allow_missing") == "true":
            wanted.name = name
            kept[name] = wanted
        known = must_find(kept, name)
        for path in filter(None, call.one("updateMask", "update_mask").split(",")):
            snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in path)
            setattr(known, snake, getattr(wanted, snake))
        known.update_time = now()
        return known

    def delete(server: Any, call: Call, name: str) -> dict[str, Any]:
        must_find(getattr(server, kind.plural), name)
        del getattr(server, kind.plural)[name]
        return start_operation(server, name)

    return [
        ("POST", collection, create),
        ("GET", collection, list_),
        ("GET", node, get),
        ("PATCH", node, update),
        ("DELETE", node, delete),
    ]


def _passes(server: Any, message: Any, expression: str, kind: Kind) -> bool:
    """Return whether a node passes a filter, which may refer to its contexts by in_context(…)."""
    contexts = [name for name, members in server.members.items() if message.name in members]
    return matches(expression, {**dump(message), "_contexts": contexts}, FILTERS[kind.plural])


def add_events(server: Any, call: Call, execution: str) -> dict[str, Any]:
    """POST …/executions/ID:addExecutionEvents."""
    must_find(server.executions, execution)
    for content in (call.body or {}).get("events", ()):
        event = parse(v1.Event, content)
        must_find(server.artifacts, event.artifact)
        event.execution, event.event_time = execution, event.event_time or now()
        server.events.append(event)
    return {}


def add_members(server: Any, call: Call, context: str) -> dict[str, Any]:
    """POST …/contexts/ID:addContextArtifactsAndExecutions."""
    must_find(server.contexts, context)
    body = call.body or {}
    for name in body.get("artifacts", ()):
        must_find(server.artifacts, name)
    for name in body.get("executions", ()):
        must_find(server.executions, name)
    members = server.members.setdefault(context, set())
    members |= {*body.get("artifacts", ()), *body.get("executions", ())}
    return {}


def add_children(server: Any, call: Call, context: str) -> dict[str, Any]:
    """POST …/contexts/ID:addContextChildren."""
    parent = must_find(server.contexts, context)
    for name in (call.body or {}).get("childContexts", ()):
        child = must_find(server.contexts, name)
        child.parent_contexts = [*child.parent_contexts, parent.name]
    return {}


def context_lineage(server: Any, call: Call, context: str) -> v1.LineageSubgraph:
    """GET …/contexts/ID:queryContextLineageSubgraph."""
    must_find(server.contexts, context)
    children = {n for n, c in server.contexts.items() if context in c.parent_contexts}
    names = set().union(*(server.members.get(name, set()) for name in {context, *children}))
    return _subgraph(server, names, names)


def execution_lineage(server: Any, call: Call, execution: str) -> v1.LineageSubgraph:
    """GET …/executions/ID:queryExecutionInputsAndOutputs."""
    must_find(server.executions, execution)
    near = {event.artifact for event in server.events if event.execution == execution}
    return _subgraph(server, near, {execution})


def artifact_lineage(server: Any, call: Call, artifact: str) -> v1.LineageSubgraph:
    """GET …/artifacts/ID:queryArtifactLineageSubgraph?maxHops=…; in both directions."""
    must_find(server.artifacts, artifact)
    max_hops = call.one("maxHops", "max_hops")
    hops = int(max_hops) if max_hops else len(server.artifacts) + len(server.executions)
    if hops < 0:
        raise Refusal(400, "max_hops must not be negative.")
    seen, front = {artifact}, {artifact}
    for _ in range(hops):
        front = {
            there
            for event in server.events
            for here, there in ((event.artifact, event.execution),
                                (event.execution, event.artifact))
            if here in front
        } - seen  # fmt: skip
        seen |= front
    return _subgraph(server, seen, seen)


def _subgraph(
    server: Any, artifacts: Iterable[str], executions: Iterable[str]
) -> v1.LineageSubgraph:
    artifacts, executions = set(artifacts), set(executions)
    kept = {
        "artifacts": [m for n, m in server.artifacts.items() if n in artifacts],
        "executions": [m for n, m in server.executions.items() if n in executions],
        "events": [
            e for e in server.events if e.artifact in artifacts and e.execution in executions
        ],
    }
    for name, nodes in kept.items():
        if len(nodes) > MOST:
            raise Refusal(400, f"The subgraph has more than {MOST} {name}.",
                          status="FAILED_PRECONDITION")  # fmt: skip
    return v1.LineageSubgraph(**kept)


ROUTES = (
    ("GET", rf"/v1/(?P<name>{STORE})", get_store),
    *(route for kind in KINDS for route in _routes_of(kind)),
    ("POST", rf"/v1/(?P<execution>{STORE}/executions/[^/:]+):addExecutionEvents", add_events),
    ("POST", rf"/v1/(?P<context>{STORE}/contexts/[^/:]+):addContextArtifactsAndExecutions",
     add_members),
    ("POST", rf"/v1/(?P<context>{STORE}/contexts/[^/:]+):addContextChildren", add_children),
    ("GET", rf"/v1/(?P<context>{STORE}/contexts/[^/:]+):queryContextLineageSubgraph",
     context_lineage),
    ("GET", rf"/v1/(?P<execution>{STORE}/executions/[^/:]+):queryExecutionInputsAndOutputs",
     execution_lineage),
    ("GET", rf"/v1/(?P<artifact>{STORE}/artifacts/[^/:]+):queryArtifactLineageSubgraph",
     artifact_lineage),
)  # fmt: skip
