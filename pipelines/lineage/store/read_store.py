"""ML Metadata's SQLite file to the graph, read-only.

Through the ml_metadata library a store of 2,000 runs took 8.5 s and 260 MB to read, for protos and
for one call per run that tells which executions are its own. Its tables are read here as they are:
1.0 s and 70 MB (tests/benchmarks/lineage.py). Their layout has a version, which is checked, and the
tests compare every answer with the library's own.
"""

import base64
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from pipelines.lineage.store.graph import (
    CACHED,
    FAILED,
    INTERRUPTED,
    RAN,
    Artifact,
    Edge,
    Execution,
    Graph,
    Run,
)

SCHEMA_VERSION = 10
# ml_metadata.proto.metadata_store_pb2, Execution.State; what is not here was cut short.
STATES = {3: RAN, 4: FAILED, 5: CACHED}
LIVE = 2  # Artifact.State
# Event.Type; a resolver notes what it found as an "internal output".
KINDS: dict[int, Literal["input", "output", "found"]] = {3: "input", 4: "output", 6: "found"}
STRUCT = "mlmd-struct::"  # how MLMD keeps a struct in a column of text
MOST_NUMBERS = 500  # in one query; SQLite's own limit has been 999
Properties = dict[str, Any]


class StoreError(InputError):
    """A metadata store that is not there or cannot be read."""


class Store:
    """One SQLite file, open for reading.

    The graph has the structure only. Properties are read for the few nodes that are asked for.
    """

    def __init__(self, path: Path) -> None:
        """Opens the file.

        Raises:
            StoreError: it is not there, is no store, or is of another layout.
        """
        if not path.is_file():
            raise StoreError(
                f"{path}: no metadata store. Give the folder of a run with --workdir; "
                f"`textmill run` makes it."
            )
        self.path = path
        # Who opens the file after a kill rolls back what the kill cut short, and needs the right
        # to write for that; our own statements may only read.
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)
        try:
            self._connection.execute("PRAGMA query_only = 1")
            ((version,),) = self._connection.execute("SELECT schema_version FROM MLMDEnv")
        except (sqlite3.DatabaseError, ValueError) as error:
            raise StoreError(f"{path}: not a store of ML Metadata ({error}).") from error
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{path}: its layout is version {version}; this Textmill reads {SCHEMA_VERSION}. "
                f"Use the Textmill that wrote it."
            )

    def graph(self) -> Graph:
        """The whole structure."""
        contexts = {number: (*rest,) for number, *rest in self._rows(_CONTEXTS)}
        run_of, node_of = dict(self._rows(_RUN_OF)), dict(self._rows(_NODE_OF))
        executions: dict[int, Execution] = {}
        for number, type_name, state, began, ended in self._rows(_EXECUTIONS):
            run_id = contexts[run_of[number]][0] if number in run_of else ""
            node = contexts[node_of[number]][0] if number in node_of else type_name
            executions[number] = Execution(
                number, run_id, *_parts_of(node), type_name,
                STATES.get(state, INTERRUPTED), began / 1000, ended / 1000,
            )  # fmt: skip
        artifacts = {
            number: Artifact(number, type_name, uri or "", state == LIVE, made / 1000)
            for number, type_name, uri, state, made in self._rows(_ARTIFACTS)
        }
        edges = tuple(
            Edge(execution, artifact, key or "", KINDS[kind])
            for execution, artifact, kind, key in self._rows(_EVENTS)
        )
        return Graph(_runs(executions, contexts), executions, artifacts, edges)

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """The exec properties of executions."""
        return self._properties("Execution", execution_ids)

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """The properties of artifacts; of all of them, if None is given, those of these names."""
        return self._properties("Artifact", artifact_ids, names)

    def origins(self) -> Mapping[str, Properties]:
        """Return the code, host and user recorded for each run (pipelines.local.run_origin)."""
        found: dict[str, Properties] = {}
        for run_id, name, value in self._rows(_ORIGINS):
            found.setdefault(run_id, {})[name] = value
        return found

    def _properties(
        self, kind: str, ids: Iterable[int] | None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        wanted = f" AND name IN ({_marks(names)})" if names else ""
        query = _PROPERTIES.format(kind=kind, id=f"{kind.lower()}_id", wanted=wanted)
        found: dict[int, Properties] = {}
        for where, numbers in _batches(f"{kind.lower()}_id", ids):
            for number, name, *values in self._rows(query + where, (*names, *numbers)):
                found.setdefault(number, {})[name] = _value(values)
        return found

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[Any]:
        return self._connection.execute(query, values)


def _parts_of(node: str) -> tuple[str, str]:
    """A node context's name, as "demo.Trainer", to pipeline and node."""
    pipeline, _, node_id = node.rpartition(".")
    return pipeline, node_id


def _runs(
    executions: Mapping[int, Execution], contexts: Mapping[int, tuple[str, str, int]]
) -> dict[str, Run]:
    """The runs in the order of their begin; one that was killed at once has no execution.

    The store numbers them in that order; their times go back when the clock is set back.
    """
    members: dict[str, list[int]] = {}
    for number, execution in executions.items():
        members.setdefault(execution.run_id, []).append(number)
    runs = {}
    for _, (name, kind, made) in sorted(contexts.items()):
        if kind == "pipeline_run":
            ids = tuple(members.get(name, ()))
            pipeline = executions[ids[0]].pipeline if ids else ""
            runs[name] = Run(name, pipeline, made / 1000, ids)
    return runs


def _batches(column: str, ids: Iterable[int] | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Conditions that together ask for all ids."""
    if ids is None:
        yield "", ()
        return
    numbers = list(dict.fromkeys(ids))
    for at in range(0, len(numbers), MOST_NUMBERS):
        part = tuple(numbers[at : at + MOST_NUMBERS])
        yield f" AND {column} IN ({_marks(part)})", part


def _marks(values: tuple[Any, ...]) -> str:
    return ",".join("?" * len(values))


def _value(values: list[Any]) -> Any:
    """The one value that is set."""
    whole, real, text, truth = values
    if truth is not None:
        return bool(truth)
    if isinstance(text, str) and text.startswith(STRUCT):
        return _struct(text.removeprefix(STRUCT))
    return next((value for value in (whole, real, text) if value is not None), None)


def _struct(encoded: str) -> Any:
    """A google.protobuf.Struct; TFX wraps what is no mapping as {"__value__": …}."""
    from google.protobuf import json_format, struct_pb2

    struct = json_format.MessageToDict(struct_pb2.Struct.FromString(base64.b64decode(encoded)))
    return struct.get("__value__", struct)


_ORIGINS = """
    SELECT c.name, p.name, p.string_value
    FROM Type t JOIN Context c ON c.type_id = t.id JOIN ContextProperty p ON p.context_id = c.id
    WHERE t.name = 'pipeline_run' AND p.string_value IS NOT NULL"""
_CONTEXTS = """
    SELECT c.id, c.name, t.name, c.create_time_since_epoch
    FROM Context c JOIN Type t ON t.id = c.type_id
    WHERE t.name IN ('pipeline_run', 'node')"""
_EXECUTIONS = """
    SELECT e.id, t.name, e.last_known_state,
        e.create_time_since_epoch, e.last_update_time_since_epoch
    FROM Execution e JOIN Type t ON t.id = e.type_id ORDER BY e.id"""
_OF_CONTEXT = """
    SELECT a.execution_id, a.context_id
    FROM Type t JOIN Context c ON c.type_id = t.id JOIN Association a ON a.context_id = c.id
    WHERE t.name = '{}'"""
_RUN_OF, _NODE_OF = _OF_CONTEXT.format("pipeline_run"), _OF_CONTEXT.format("node")
_ARTIFACTS = """
    SELECT a.id, t.name, a.uri, a.state, a.create_time_since_epoch
    FROM Artifact a JOIN Type t ON t.id = a.type_id ORDER BY a.id"""
_EVENTS = """
    SELECT e.execution_id, e.artifact_id, e.type, p.step_key
    FROM Event e LEFT JOIN EventPath p ON p.event_id = e.id AND p.is_index_step = 0
    WHERE e.type IN (3, 4, 6) ORDER BY e.execution_id, p.step_key, e.artifact_id"""
_PROPERTIES = """
    SELECT {id}, name, int_value, double_value, string_value, bool_value
    FROM {kind}Property WHERE 1 = 1{wanted}"""
