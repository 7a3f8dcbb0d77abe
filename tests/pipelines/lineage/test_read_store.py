"""Reading the tables directly gives the same answers as ml_metadata's own API."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb

from pipelines.metadata.graph import Graph
from pipelines.metadata.read_store import KINDS, STATES, Store, StoreError
from pipelines.metadata.records import open_store, read_execution
from tests.pipelines.lineage.conftest import History


@pytest.fixture(scope="module")
def library(history: History) -> metadata_store.MetadataStore:
    return open_store(history.workdir / "metadata.sqlite")


def test_executions_and_artifacts_match_those_of_the_library(
    graph: Graph, library: metadata_store.MetadataStore
) -> None:
    theirs = {e.id: read_execution(library, e) for e in library.get_executions()}
    assert set(theirs) == set(graph.executions)
    for number, execution in graph.executions.items():
        expected = theirs[number]
        assert (execution.run_id, execution.node_id) == (expected.run_id, expected.node_id)
        assert (execution.state, execution.type_name) == (expected.state, expected.type_name)
        inputs = {edge.key: edge.artifact for edge in graph.inputs(number)}
        assert inputs == {key: found[0].id for key, found in expected.inputs.items()}
        outputs = {edge.key: edge.artifact for edge in graph.outputs(number)}
        assert outputs == {key: found[0].id for key, found in expected.outputs.items()}


def test_properties_match_those_of_the_library(
    store: Store, graph: Graph, library: metadata_store.MetadataStore
) -> None:
    settings = store.settings(graph.executions)
    for execution in library.get_executions():
        expected = read_execution(library, execution).settings
        assert settings.get(execution.id, {}) == expected
    properties = store.properties(graph.artifacts)
    for artifact in library.get_artifacts():
        names = {*artifact.properties, *artifact.custom_properties}
        assert set(properties[artifact.id]) == names
    losses = store.properties(None, ("masked_lm_loss",))
    assert sorted(p["masked_lm_loss"] for p in losses.values()) == [3.72, 3.91, 4.2]


def test_a_struct_is_read_as_plain_values(tmp_path: Path) -> None:
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "s.sqlite")
    config.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
    library = metadata_store.MetadataStore(config)
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
