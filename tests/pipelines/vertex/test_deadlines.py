"""A service that accepts requests and never answers ends each command with a sentence."""

import json
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.cloud import aiplatform_v1 as v1

import pipelines
from core.exit import FAILED
from pipelines.cloud import client
from pipelines.cloud.client import Cloud
from pipelines.cloud.errors import VertexError
from pipelines.cloud.target import Target
from pipelines.vertex.runs.watch import get_run
from tests.pipelines.vertex.conftest import (
    ACCOUNT,
    PARENT,
    PROJECT,
    REGION,
    TEXT,
    Textmill,
    put_text,
)
from tests.vertex_server import VertexServer

STORE, MODEL = f"vertex://{PROJECT}/{REGION}", f"vertex://{PROJECT}/{REGION}/textmill-weekly"
CRON = ("--cron", "0 3 * * 1", "--name", "other")
# Each call of a client of Vertex AI: the request that is not answered, and a command that sends it.
CALLS: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "pipelines.create_pipeline_job": ("POST", "pipelineJobs$", ("submit", "SPEC", *TEXT)),
    "pipelines.get_pipeline_job": ("GET", "pipelineJobs/one$", ("runs", "show", "one")),
    "pipelines.list_pipeline_jobs": ("GET", "pipelineJobs$", ("runs", "list")),
    "pipelines.cancel_pipeline_job": ("POST", ":cancel$", ("runs", "cancel", "two")),
    "jobs.list_custom_jobs": ("GET", "customJobs$", ("runs", "logs", "one", "--task", "Trainer")),
    "schedules.create_schedule": (
        "POST", "schedules$", ("schedule", "create", "SPEC", *TEXT, *CRON),
    ),
    "schedules.list_schedules": ("GET", "schedules$", ("schedule", "list")),
    "schedules.get_schedule": ("GET", "schedules/4001$", ("schedule", "show", "4001")),
    "schedules.pause_schedule": ("POST", ":pause$", ("schedule", "pause", "weekly")),
    "schedules.resume_schedule": ("POST", ":resume$", ("schedule", "resume", "weekly")),
    "schedules.update_schedule": (
        "PATCH", "schedules/4001$", ("schedule", "update", "weekly", "--cron", "0 4 * * 1"),
    ),
    "schedules.delete_schedule": ("DELETE", "schedules/4001$", ("schedule", "delete", "weekly")),
    "metadata.list_contexts": ("GET", "contexts$", ("lineage", "list", "--source", STORE)),
    "metadata.query_context_lineage_subgraph": (
        "GET", ":queryContextLineageSubgraph$", ("lineage", "list", "--source", STORE),
    ),
    "models.list_model_versions": ("GET", ":listVersions$", ("models", "list", MODEL)),
    "models.merge_version_aliases": (
        "POST", ":mergeVersionAliases$", ("models", "promote", MODEL, "1"),
    ),
    "call_api": ("POST", "entries:list$", ("runs", "logs", "one")),
}  # fmt: skip


@pytest.fixture(scope="module")
def server() -> Iterator[VertexServer]:
    """One server for all tests here: what is never answered changes nothing."""
    with VertexServer() as server:
        put_text(server)
        yield server


@pytest.fixture
def project(server: VertexServer, textmill: Textmill, spec: str) -> VertexServer:
    """A project with a run that has ended, one that has not, a schedule and a model."""
    server.silent.clear()
    if not server.schedules:
        textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
        textmill("submit", spec, *TEXT, "--run-id", "two")
        textmill("schedule", "create", spec, *TEXT, "--cron", "0 3 * * 1", "--name", "weekly")
        server.models[f"{PARENT}/models/textmill-weekly"] = [
            v1.Model(version_id="1", version_create_time=datetime(2026, 11, 1, tzinfo=UTC))
        ]
        run = f"{PARENT}/metadataStores/default/contexts/one"
        server.contexts[run] = v1.Context(name=run, schema_title="system.PipelineRun")
    return server


@pytest.fixture
def hasty(project: VertexServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for a response, and retry, for a fraction of a second instead of a minute."""
    monkeypatch.setattr(client, "TIMEOUT_SECONDS", 0.3)
    for function in (Cloud.call, get_run):
        monkeypatch.setitem(function.__kwdefaults__, "retry_seconds", 0.05)


def test_a_response_is_awaited_for_a_minute() -> None:
    assert client.TIMEOUT_SECONDS == 60


def test_every_call_in_the_code_is_in_the_list() -> None:
    pattern = re.compile(r"cloud\.((?:pipelines|schedules|jobs|metadata|models)\.[a-z_]+)")
    files = Path(next(iter(pipelines.__path__))).rglob("*.py")
    called = {name for file in files for name in pattern.findall(file.read_text(encoding="utf-8"))}
    assert called == CALLS.keys() - {"call_api"}


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("name", CALLS)
def test_a_call_that_is_never_answered_is_a_sentence_and_an_exit_code(
    name: str, server: VertexServer, textmill: Textmill, spec: str
) -> None:
    method, path, command = CALLS[name]
    server.silence(method, path)
    started = time.monotonic()
    ended = textmill(*[spec if part == "SPEC" else part for part in command])
    assert time.monotonic() - started < 15
    assert ended.code == FAILED
    assert "Traceback" not in ended.output
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("error: Cannot ")
    assert ": no response (" in last
    assert last.endswith("Check the network, the proxy (HTTPS_PROXY) and --endpoint.")


@pytest.mark.usefixtures("hasty")
def test_the_doctor_ends_although_nothing_answers(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    for method in ("GET", "POST"):
        server.silence(method, "")
    ended = textmill("doctor", spec, *TEXT, "--service-account", ACCOUNT, "--json")
    assert ended.code == FAILED
    unanswered = {c["name"] for c in json.loads(ended.out) if "no response" in c["told"]}
    assert unanswered == {
        "project", "apis", "region", "permissions", "bucket", "bucket, you", "text",
        "service account", "account's roles", "images", "quota",
    }  # fmt: skip


def test_the_pauses_between_attempts_are_short_and_the_error_has_no_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", pauses.append)

    def answer_late(attempts: int) -> str:
        if len(pauses) < attempts:
            raise ConnectionError("refused with url: /v1/long?query=x (no route)")
        return "answer"

    cloud = Cloud(Target(project=PROJECT, region=REGION), None)
    assert cloud.call("ask", lambda: answer_late(20)) == "answer"
    assert max(pauses) <= 20
    with pytest.raises(VertexError, match=r"no response \(ConnectionError: refused \(no route\)\)"):
        cloud.call("ask", lambda: answer_late(99), retry_seconds=0)
