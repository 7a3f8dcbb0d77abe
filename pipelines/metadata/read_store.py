"""Read the graph from ML Metadata's SQLite file, without changing it.

With the ml_metadata library, reading a store of 2,000 runs took 8.5 s and 260 MB: it builds protos,
and needs one call per run to list its executions. This module reads the tables directly: 1.0 s and
70 MB (tests/benchmarks/lineage.py). It checks the version of their schema, and the tests compare
every answer with the library's.
"""

import base64
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from core.errors import InputError
from pipelines.metadata.graph import Artifact, Edge, Execution, Graph, make_runs
from pipelines.metadata.names import INTERRUPTED, RUN_CONTEXT, SCHEMA_VERSION, STATES
from pipelines.metadata.source import Properties

LIVE = 2  # ml_metadata.proto.metadata_store_pb2, Artifact.State
# Event.Type; a resolver records the artifacts that it looked up as internal outputs.
KINDS: dict[int, Literal["input", "output", "found"]] = {3: "input", 4: "output", 6: "found"}
STRUCT = "mlmd-struct::"  # prefix of a struct in a text column
MAX_IDS = 500  # per query; older versions of SQLite allow 999


class StoreError(InputError):
    """A metadata store that is missing or cannot be read."""


class Store:
    """One SQLite file, open for reading.

    The graph holds the structure only. Properties are read on request.
    """

    def __init__(self, path: Path) -> None:
        """Open the file.

        Raises:
            StoreError: the file is missing, is not a store, or has another schema version.
        """
        if not path.is_file():
            raise StoreError(
                f"{path}: no metadata store. Give the workdir of a `textmill run` with --workdir."
            )
        self.path = path
        # If a writer was killed, opening the file rolls its transaction back, which needs write
        # access. Our own statements can only read.
        self._connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=rw", uri=True)
        try:
            self._connection.execute("PRAGMA query_only = 1")
            ((version,),) = self._connection.execute("SELECT schema_version FROM MLMDEnv")
        except (sqlite3.DatabaseError, ValueError) as error:
            raise StoreError(
                f"{path}: not an ML Metadata store ({error}). Check --workdir."
            ) from error
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{path}: schema version {version}; this version of Textmill reads "
                f"{SCHEMA_VERSION}. Use the version of Textmill that wrote it."
            )

    def graph(self) -> Graph:
        """Return all runs, executions, artifacts and edges."""
        contexts = {number: (*rest,) for number, *rest in self._rows(_CONTEXTS)}
        run_of, node_of = dict(self._rows(_RUN_OF)), dict(self._rows(_NODE_OF))
        executions: dict[int, Execution] = {}
        for number, type_name, state, began, ended in self._rows(_EXECUTIONS):
            run_id = contexts[run_of[number]][0] if number in run_of else ""
            node = contexts[node_of[number]][0] if number in node_of else type_name
            pipeline, _, node_id = node.rpartition(".")  # of a context, for example "demo.Trainer"
            executions[number] = Execution(
                number, run_id, pipeline, node_id, type_name,
                STATES.get(state, INTERRUPTED), began / 1000, ended / 1000,
            )  # fmt: skip
        artifacts = {
            number: Artifact(number, type_name, uri or "", state == LIVE, created / 1000)
            for number, type_name, uri, state, created in self._rows(_ARTIFACTS)
        }
        edges = tuple(
            Edge(execution, artifact, key or "", KINDS[kind])
            for execution, artifact, kind, key in self._rows(_EVENTS)
        )
        pipelines = {execution.run_id: execution.pipeline for execution in executions.values()}
        # In order of their ids, because times go backward when the clock is set back.
        started = (
            (name, pipelines.get(name, ""), created / 1000)
            for _, (name, kind, created) in sorted(contexts.items()) if kind == RUN_CONTEXT
        )  # fmt: skip
        return Graph(make_runs(started, executions), executions, artifacts, edges)

    def settings(self, execution_ids: Iterable[int]) -> Mapping[int, Properties]:
        """Return the exec properties of executions."""
        return self._properties("Execution", execution_ids)

    def properties(
        self, artifact_ids: Iterable[int] | None = None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        """Return the named properties of artifacts; None stands for all artifacts, () for all."""
        return self._properties("Artifact", artifact_ids, names)

    def origins(self) -> Mapping[str, Properties]:
        """Return the code, host and user recorded for each run."""
        origins: dict[str, Properties] = {}
        for run_id, name, value in self._rows(_ORIGINS):
            origins.setdefault(run_id, {})[name] = value
        return origins

    def _properties(
        self, kind: str, ids: Iterable[int] | None, names: tuple[str, ...] = ()
    ) -> Mapping[int, Properties]:
        wanted = f" AND name IN ({_marks(names)})" if names else ""
        query = _PROPERTIES.format(kind=kind, id=f"{kind.lower()}_id", wanted=wanted)
        properties: dict[int, Properties] = {}
        for where, numbers in _batches(f"{kind.lower()}_id", ids):
            for number, name, *values in self._rows(query + where, (*names, *numbers)):
                properties.setdefault(number, {})[name] = _value(values)
        return properties

    def _rows(self, query: str, values: tuple[Any, ...] = ()) -> Iterator[Any]:
        return self._connection.execute(query, values)


def _batches(column: str, ids: Iterable[int] | None) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Yield SQL conditions, with their values, that together select all ids."""
    if ids is None:
        yield "", ()
        return
    numbers = list(dict.fromkeys(ids))
    for start in range(0, len(numbers), MAX_IDS):
        part = tuple(numbers[start : start + MAX_IDS])
        yield f" AND {column} IN ({_marks(part)})", part


def _marks(values: tuple[Any, ...]) -> str:
    return ",".join("?" * len(values))


def _value(values: list[Any]) -> Any:
    """Return the value in the one column that is set."""
    integer, real, text, boolean = values
    if boolean is not None:
        return bool(boolean)
    if isinstance(text, str) and text.startswith(STRUCT):
        return _struct(text.removeprefix(STRUCT))
    return next((value for value in (integer, real, text) if value is not None), None)


def _struct(encoded: str) -> Any:
    """Decode a google.protobuf.Struct; TFX wraps other values as {"__value__": …}."""
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
