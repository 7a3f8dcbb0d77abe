"""Vertex ML Metadata gives the same answers as the local store, for the same history."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from google.auth.compute_engine import _metadata
from google.cloud import aiplatform_v1 as v1
from typer.testing import CliRunner

from core.errors import InputError
from pipelines.cli import app
from pipelines.lineage.vertex_store import BINDING, parse_source
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import find_remote_manifest
from pipelines.metadata.names import CACHED, FAILED, INTERRUPTED, RAN
from tests.object_store.server import BUCKET, object_store
from tests.pipelines.lineage.conftest import History
from tests.vertex_server import VertexServer

PARENT = "projects/123456789012/locations/us-central1/metadataStores/default"
SOURCE = "vertex://mill-1/us-central1"
STATES = {RAN: "COMPLETE", CACHED: "CACHED", FAILED: "FAILED", INTERRUPTED: "CANCELLED"}


def fill(server: VertexServer, archive: Archive, parent: str) -> None:
    """Puts a workdir's runs into the server as Vertex AI Pipelines keeps them."""
    graph = archive.graph
    for artifact in graph.artifacts.values():
        name = f"{parent}/artifacts/a{artifact.id}"
        kind = artifact.type_name if "." in artifact.type_name else f"tfx.{artifact.type_name}"
        server.artifacts[name] = v1.Artifact(
            name=name, display_name="artifact", uri=artifact.uri, schema_title=kind, state="LIVE",
            create_time=moment(artifact.created), metadata=archive.properties(artifact),
        )  # fmt: skip
    for run in graph.runs.values():
        context = f"{parent}/contexts/{run.id.lower()}"
        server.contexts[context] = v1.Context(
            name=context, schema_title="system.PipelineRun", create_time=moment(run.began),
            parent_contexts=[f"{parent}/contexts/{run.pipeline}"],
        )  # fmt: skip
        root = f"{parent}/executions/dag-{run.id.lower()}"
        server.executions[root] = v1.Execution(name=root, schema_title="system.DagExecution")
        server.members[context] = {root}
        for number in run.executions:
            execution = graph.executions[number]
            if not execution.looks_up:  # Vertex AI's resolvers are no tasks
                server.members[context] |= put(server, archive, execution, parent)


def put(server: VertexServer, archive: Archive, execution: Any, parent: str) -> set[str]:
    graph, name = archive.graph, f"{parent}/executions/e{execution.id}"
    settings = archive.store.settings([execution.id]).get(execution.id, {})
    edges = [*graph.inputs(execution.id), *graph.outputs(execution.id)]
    names = {edge: f"{parent}/artifacts/a{edge.artifact}" for edge in edges}
    server.executions[name] = v1.Execution(
        name=name, display_name=execution.node_id, schema_title="system.ContainerExecution",
        state=STATES[execution.state], create_time=moment(execution.began),
        update_time=moment(execution.ended),
        metadata={
            **{f"input:{key}": value for key, value in settings.items()},
            BINDING: {f"{edge.kind}:{edge.key}": [names[edge]] for edge in edges},
        },
    )  # fmt: skip
    for edge in edges:
        server.events.append(
            v1.Event(artifact=names[edge], execution=name, type_=edge.kind.upper())
        )
    return {name, *names.values()}


def moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


@pytest.fixture(scope="module")
def vertex(history: History) -> Iterator[VertexServer]:
    with VertexServer() as server, pytest.MonkeyPatch.context() as patch:
        fill(server, Archive(history.workdir), PARENT)
        patch.setenv("TEXTMILL_VERTEX_ENDPOINT", server.endpoint)
        yield server


def ask(*words: str) -> Any:
    result = CliRunner().invoke(
        app, ["lineage", *words, "--json", "--source", SOURCE], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def local(*words: str, workdir: Path) -> Any:
    command = ["lineage", *words, "--json", "--workdir", str(workdir)]
    return json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)


def test_the_list_matches_that_of_the_workdir(vertex: VertexServer, history: History) -> None:
    keys = ("pipeline", "state", "loss", "blessed", "version", "reused", "nodes")
    there = [{key: row[key] for key in keys} for row in ask("list")]
    here = [{key: row[key] for key in keys} for row in local("list", workdir=history.workdir)]
    assert there == here


def test_a_model_is_followed_to_its_text(vertex: VertexServer, history: History) -> None:
    answer = ask("show", "1800000001")
    assert [link["noun"] for link in answer["chain"]] == [
        "model", "instances", "documents", "vocabulary",
    ]  # fmt: skip
    assert answer["made_by"]["settings"]["trainer.learning_rate"] == 5e-4
    assert answer["made_by"]["run"] == history.changed.lower()
    (by_address,) = {ask("show", uri)["id"] for uri in [answer["folder"]]}
    assert by_address == answer["id"]


def test_two_runs_differ_as_they_do_in_the_workdir(vertex: VertexServer, history: History) -> None:
    runs = (history.first, history.changed)
    there = ask("diff", *(run.lower() for run in runs))
    here = local("diff", *runs, workdir=history.workdir)
    assert there["sentence"] == here["sentence"]
    assert there["settings"] == here["settings"]


def test_the_page_and_the_export_can_be_written(vertex: VertexServer, tmp_path: Path) -> None:
    page = tmp_path / "lineage.html"
    words = ["lineage", "report", "-o", str(page), "--source", SOURCE]
    assert CliRunner().invoke(app, words, catch_exceptions=False).exit_code == 0
    assert page.stat().st_size > 50_000
    answer = ask("export")
    assert len(answer["runs"]) == 6


def test_the_newest_runs_of_one_pipeline_are_taken(vertex: VertexServer) -> None:
    command = ["lineage", "list", "--json", "--source", f"{SOURCE}?pipeline=tiny&runs=2"]
    answer = json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout)
    assert [row["state"] for row in answer] == ["interrupted", "failed"]
    command[-1] = f"{SOURCE}?pipeline=other"
    assert json.loads(CliRunner().invoke(app, command, catch_exceptions=False).stdout) == []


def test_a_manifest_on_an_object_store_is_read(
    history: History, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = history.workdir / "artifacts/tiny/TextExampleGen/examples/1"
    with object_store(tmp_path) as store:
        for name, value in store.environment.items():
            monkeypatch.setenv(name, value)
        # Another test may have imported it already, and it reads the environment only then.
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", store.environment["GCE_METADATA_HOST"])
        store.put("examples/manifest.json", (folder / "manifest.json").read_bytes())
        manifest = find_remote_manifest(f"gs://{BUCKET}/examples", "Examples")
        assert manifest is not None
        assert manifest.kind == "documents"
        assert find_remote_manifest(f"gs://{BUCKET}/nothing", "Model") is None


@pytest.mark.parametrize(
    "text",
    ["mill/us-central1", "vertex://mill", "vertex:///x", "vertex://a/b/c/d", "vertex://a/b?x=1",
     "vertex://a/b?runs=0"],
)  # fmt: skip
def test_an_invalid_source_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="write vertex://PROJECT/REGION"):
        parse_source(text)
