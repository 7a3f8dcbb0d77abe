"""Reading the tables directly gives the same answers as ml_metadata's own API."""

import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipelines.metadata.graph import Graph
from pipelines.metadata.mlmd.connection import open_store
from pipelines.metadata.mlmd.convert import get_value
from pipelines.metadata.names import CACHED, INTERRUPTED, RAN, STATES
from pipelines.metadata.read_store import KINDS, Store, StoreError
from pipelines.metadata.records import Records
from tests.pipelines.lineage.conftest import History


@pytest.fixture(scope="module")
def library(history: History) -> metadata_store.MetadataStore:
    return open_store(history.workdir / "metadata.sqlite")


def test_executions_and_artifacts_match_those_of_the_library(
    store: Store, graph: Graph, library: metadata_store.MetadataStore
) -> None:
    records = Records(store)
    theirs = {execution.id: execution for execution in library.get_executions()}
    assert set(theirs) == set(graph.executions)
    for number, expected in theirs.items():
        record = records.by_id(number)
        names = {c.type: c.name for c in library.get_contexts_by_execution(number)}
        assert (names["pipeline_run"], names["node"].partition(".")[2]) == (
            record.run_id,
            record.node_id,
        )
        assert record.type_name == expected.type
        assert record.state == STATES.get(expected.last_known_state, INTERRUPTED)
        assert record.settings == _plain(expected.custom_properties)
        events: dict[bool, dict[str, list[int]]] = {True: {}, False: {}}
        for event in library.get_events_by_execution_ids([number]):
            of_kind = events[event.type == pb.Event.INPUT]
            of_kind.setdefault(event.path.steps[0].key, []).append(event.artifact_id)
        for is_input, artifacts in ((True, record.inputs), (False, record.outputs)):
            ids = {key: [a.id for a in of_key] for key, of_key in artifacts.items()}
            assert ids == {key: sorted(of_key) for key, of_key in events[is_input].items()}


def test_properties_match_those_of_the_library(
    store: Store, graph: Graph, library: metadata_store.MetadataStore
) -> None:
    properties = store.properties(graph.artifacts)
    for artifact in library.get_artifacts():
        expected = {**_plain(artifact.properties), **_plain(artifact.custom_properties)}
        assert properties[artifact.id] == expected
    losses = store.properties(None, ("masked_lm_loss",))
    assert sorted(p["masked_lm_loss"] for p in losses.values()) == [3.72, 3.91, 4.2]


def test_the_producers_of_a_reused_output_wrote_it(store: Store, graph: Graph) -> None:
    records = Records(store)
    reused = [records.by_id(e.id) for e in graph.executions.values() if e.state == CACHED]
    assert reused
    for record in reused:
        (producer,) = records.producers(record)
        assert (producer.state, producer.node_id) == (RAN, record.node_id)
        assert producer.outputs == record.outputs


def _plain(properties: Any) -> dict[str, Any]:
    return {name: get_value(value) for name, value in properties.items()}


def test_a_struct_is_read_as_plain_values(tmp_path: Path) -> None:
    library = open_store(tmp_path / "s.sqlite", create=True)
    kind = library.put_artifact_type(pb.ArtifactType(name="ExampleAnomalies"))
    artifact = pb.Artifact(type_id=kind, uri="/x")
    artifact.custom_properties["blessed"].struct_value.update({"train": 1, "eval": 0})
    artifact.custom_properties["truth"].bool_value = False
    (number,) = library.put_artifacts([artifact])
    read = Store(tmp_path / "s.sqlite").properties([number])[number]
    assert read == {"blessed": {"train": 1, "eval": 0}, "truth": False}


def test_state_and_event_numbers_match_those_of_the_library() -> None:
    names = {pb.Execution.COMPLETE: "ran", pb.Execution.FAILED: "failed",
             pb.Execution.CACHED: "cached"}  # fmt: skip
    assert names == STATES
    kinds = {pb.Event.INPUT: "input", pb.Event.OUTPUT: "output", pb.Event.INTERNAL_OUTPUT: "found"}
    assert kinds == KINDS


def test_a_missing_or_invalid_store_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no metadata store\. .*--workdir"):
        Store(tmp_path / "metadata.sqlite")
    (tmp_path / "metadata.sqlite").write_bytes(b"not a database at all" * 100)
    with pytest.raises(StoreError, match="not an ML Metadata store"):
        Store(tmp_path / "metadata.sqlite")
    other = sqlite3.connect(tmp_path / "other.sqlite")
    other.execute("CREATE TABLE MLMDEnv (schema_version INTEGER)")
    other.execute("INSERT INTO MLMDEnv VALUES (99)")
    other.commit()
    with pytest.raises(StoreError, match=r"schema version 99"):
        Store(tmp_path / "other.sqlite")


def test_reading_writes_nothing_and_loads_neither_tensorflow_nor_tfx_nor_ml_metadata(
    history: History,
) -> None:
    code = """
import sys, pathlib
from pipelines.metadata.read_store import Store
store = Store(pathlib.Path(sys.argv[1]))
store.settings(store.graph().executions)
heavy = {"tensorflow", "tfx", "ml_metadata", "apache_beam", "numpy"} & set(sys.modules)
assert not heavy, heavy
"""
    path = history.workdir / "metadata.sqlite"
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    assert path.read_bytes() == before
    assert {p.name for p in path.parent.iterdir()} == {
        "metadata.sqlite",
        "artifacts",
        "runs",
        "published",
    }
