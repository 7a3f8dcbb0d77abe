"""Tests that refusals of Google Cloud become sentences that end with a remedy."""

import json
from typing import Any

import pytest
import requests

from core.exit import FAILED, INPUT_ERROR, SUCCEEDED
from pipelines.cloud.client import Cloud
from pipelines.cloud.errors import explain, without_secrets
from pipelines.cloud.target import Target
from pipelines.vertex.runs.watch import get_run
from tests.pipelines.vertex.conftest import ACCOUNT, PROJECT, REGION, TEXT, Textmill
from tests.vertex_server import VertexServer

NOW = {"Retry-After": "0"}
LOGIN = "gcloud auth application-default login"


def info(reason: str, **metadata: str) -> list[dict[str, Any]]:
    """Return the detail in which Google's APIs name the reason of a refusal."""
    kind = "type.googleapis.com/google.rpc.ErrorInfo"
    return [{"@type": kind, "reason": reason, "domain": "googleapis.com", "metadata": metadata}]


CASES: dict[str, tuple[int, str, list[dict[str, Any]], str]] = {
    "expired": (401, "Request had invalid credentials.", [], LOGIN),
    "token": (401, "Expired.", info("ACCESS_TOKEN_EXPIRED"), LOGIN),
    "permission": (
        403, "Permission 'aiplatform.pipelineJobs.create' denied on resource.", [],
        f"lacks the permission aiplatform.pipelineJobs.create in project {PROJECT}",
    ),
    "permission by reason": (
        403, "Denied.", info("IAM_PERMISSION_DENIED", permission="aiplatform.pipelineJobs.create"),
        "lacks the permission aiplatform.pipelineJobs.create",
    ),
    "act as": (
        403, "You do not have permission to act as service account: run@acme.", [],
        "roles/iam.serviceAccountUser",
    ),
    "api": (
        403, "Vertex AI API has not been used in project 1 before or it is disabled.",
        info("SERVICE_DISABLED", service="aiplatform.googleapis.com"),
        f"gcloud services enable aiplatform.googleapis.com --project={PROJECT}",
    ),
    "billing": (403, "No billing.", info("BILLING_DISABLED"), "Link a billing account"),
    "project": (403, "Denied.", info("CONSUMER_INVALID"), f"Project {PROJECT} does not exist"),
    "quota project": (403, "Denied.", info("USER_PROJECT_DENIED", consumer="projects/other-one"),
                      "You may not use other-one, the quota project of your credentials"),
    "perimeter": (403, "Request is prohibited.", info("SECURITY_POLICY_VIOLATED", uid="x-7"),
                  "Give its administrator the id x-7"),
    "not found": (404, "Not found.", [], f"Looked in project {PROJECT}, region {REGION}"),
    "conflict": (409, "Already exists.", [], "Choose another name"),
    "quota": (
        429, "The following quota metrics exceed quota limits: "
        "aiplatform.googleapis.com/custom_model_training_nvidia_a100_gpus", [],
        f"Request more custom_model_training_nvidia_a100_gpus in {REGION}",
    ),
    "invalid": (400, "Invalid pipeline spec: no root.", [], "Invalid pipeline spec: no root"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_refusals_become_sentences_with_a_remedy(
    server: VertexServer, textmill: Textmill, spec: str, case: str
) -> None:
    status, message, details, remedy = CASES[case]
    server.fault("POST", "pipelineJobs$", status, message, details=details)
    ended = textmill("submit", spec, *TEXT)
    assert ended.code == (INPUT_ERROR if status in {404, 409} else FAILED)
    assert ended.err.startswith("error: Cannot submit the run: ")
    assert remedy in ended.err
    assert "Traceback" not in ended.output
    assert len(server.calls("POST", "pipelineJobs$")) == 1  # a retry would not help


def test_a_busy_service_is_retried_after_the_time_it_asks_for(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.fault("POST", "pipelineJobs$", 429, "Quota exceeded, per minute.", headers=NOW, times=2)
    ended = textmill("submit", spec, *TEXT)
    assert ended.code == SUCCEEDED
    assert ended.err.count("Google Cloud answers 429; trying again in 0 s") == 2
    assert len(server.pipeline_jobs) == 1


def test_a_run_is_not_started_twice_when_the_response_is_lost(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one")  # starts the run,
    server.received.clear()
    server.fault(
        "POST", "pipelineJobs$", 503, "Unavailable.", headers=NOW
    )  # but its response is lost
    ended = textmill("submit", spec, *TEXT, "--run-id", "one")
    assert ended.code == SUCCEEDED
    runs = [call.method for call in server.received if "pipelineJobs" in call.path]
    assert runs == ["POST", "POST", "GET"]
    assert len(server.pipeline_jobs) == 1


def test_a_run_id_that_exists_is_an_error(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one")
    ended = textmill("submit", spec, *TEXT, "--run-id", "one")
    assert ended.code == INPUT_ERROR
    assert "already exists" in ended.err


def test_a_schedule_is_never_created_twice(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.fault("POST", "schedules$", 503, "Unavailable.", headers=NOW)
    ended = textmill("schedule", "create", spec, *TEXT, "--cron", "0 3 * * 1")
    assert ended.code == FAILED
    assert len(server.calls("POST", "schedules$")) == 1
    assert "Cannot create the schedule" in ended.err


def test_watching_survives_an_outage(server: VertexServer, textmill: Textmill, spec: str) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one")
    server.fault("GET", "pipelineJobs/one$", 503, "Unavailable.", headers=NOW, times=3)
    assert textmill("runs", "show", "one", "--watch", "--poll-seconds", "0.01").code == SUCCEEDED


@pytest.mark.parametrize(
    "body", ["<html>Proxy: please log in</html>", "", '{"pipelineJobs": [{"name": 3}]}', "\x00\xff"]
)
def test_a_response_that_is_not_vertex_ais_is_an_error(
    server: VertexServer, textmill: Textmill, spec: str, body: str
) -> None:
    server.fault("GET", "pipelineJobs", 200, body=body)
    ended = textmill("runs", "list")
    assert ended.code == FAILED
    assert "does not come from Vertex AI" in ended.err
    assert "Traceback" not in ended.output


def test_an_unknown_region_is_an_error() -> None:
    host = f"{REGION}7-aiplatform.googleapis.com"
    error = requests.ConnectionError(f"HTTPSConnectionPool: Failed to resolve '{host}'")
    target = Target(project=PROJECT, region=f"{REGION}7")
    message = str(explain(error, "list the runs", target))
    assert message.startswith(
        "Cannot list the runs: the host of Vertex AI in us-central17 was not found."
    )
    assert "Check --region" in message


def test_missing_credentials_fail(textmill: Textmill, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", "nowhere.json")
    ended = textmill("runs", "list", "--endpoint", "https://localhost:1")
    assert ended.code == FAILED
    assert "application default credentials are missing" in ended.err
    assert "gcloud auth application-default login" in ended.err


@pytest.mark.parametrize(
    "secret",
    [
        "ya29.a0AfH6SMB-x_y.z",
        "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJ4In0.c2lnbmF0dXJl",
        "1//0gabcdefghijklmnopqrstuv",
        "-----BEGIN PRIVATE KEY-----\nMIIE\nvQ==\n-----END PRIVATE KEY-----",
    ],
)
def test_secrets_are_removed_from_any_text(secret: str) -> None:
    text = without_secrets(f'403: {{"authorization": "Bearer {secret}", "x": "{secret}"}}')
    assert secret not in text
    assert json.dumps(secret).strip('"') not in text
    assert "403" in text


# A command that reaches each service, and the request that fails.
SERVICES = {
    "pipeline jobs": ("GET", "pipelineJobs$", ("runs", "list")),
    "one pipeline job": ("GET", "pipelineJobs/x$", ("runs", "show", "x")),
    "schedules": ("GET", "schedules$", ("schedule", "list")),
    "custom jobs": ("GET", "customJobs$", ("runs", "logs", "one", "--task", "Trainer")),
    "logging": ("POST", "entries:list$", ("runs", "logs", "one")),
    "metadata": (
        "GET",
        "contexts$",
        ("lineage", "list", "--source", f"vertex://{PROJECT}/{REGION}"),
    ),
    "registry": ("GET", "models", ("models", "list", f"vertex://{PROJECT}/{REGION}/m")),
}


@pytest.fixture
def short_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    """Retry for a fraction of a second instead of a minute."""
    for function in (Cloud.call, get_run):
        monkeypatch.setitem(function.__kwdefaults__, "retry_seconds", 0.05)


@pytest.mark.parametrize("status", [403, 404, 429, 503])
@pytest.mark.usefixtures("short_retries")
@pytest.mark.parametrize("service", SERVICES)
def test_a_refusal_of_each_service_is_a_sentence_and_an_exit_code(
    service: str, status: int, server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
    method, path, command = SERVICES[service]
    server.fault(method, path, status, "Refused by the test.", times=10_000, headers=NOW)
    ended = textmill(*command)
    assert ended.code == (INPUT_ERROR if status == 404 else FAILED)
    assert "Traceback" not in ended.output
    last = ended.err.strip().splitlines()[-1]
    assert last.startswith("error: Cannot ")
    assert "Refused by the test" in last
    assert last.endswith((".", "`"))


@pytest.mark.parametrize("status", [403, 404, 429, 503])
@pytest.mark.usefixtures("short_retries")
def test_a_refusal_to_list_the_text_ends_a_submission_unless_the_run_may_read_it(
    status: int, server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.fault("GET", "/o$", status, "Refused by the test.", times=10_000, headers=NOW)
    ended = textmill("submit", spec, *TEXT)
    assert ended.code == {403: SUCCEEDED, 404: INPUT_ERROR}.get(status, FAILED)
    assert "Refused by the test" in ended.err
    assert "Traceback" not in ended.output
    assert bool(server.pipeline_jobs) == (status == 403)  # the run has an account of its own


@pytest.mark.parametrize("status", [403, 404, 429, 503])
@pytest.mark.usefixtures("short_retries")
@pytest.mark.parametrize(
    "path",
    ["/v1/projects/[^/]*$", "services:batchGet", "/storage/v1/b/[^/]*$", "testPermissions",
     "/o$", "serviceAccounts/[^:]*$", "iam:troubleshoot", "dockerImages", "quotaInfos"],
)  # fmt: skip
def test_a_refusal_of_a_service_is_a_finding_of_the_doctor(
    path: str, status: int, server: VertexServer, textmill: Textmill, spec: str
) -> None:
    for method in ("GET", "POST"):
        server.fault(method, path, status, "Refused by the test.", times=10_000, headers=NOW)
    ended = textmill("doctor", spec, *TEXT, "--service-account", ACCOUNT, "--json")
    refused = [check for check in json.loads(ended.out) if "Refused by the test" in check["told"]]
    missing = [check for check in json.loads(ended.out) if "does not exist" in check["told"]]
    assert refused or (status == 404 and missing)
    assert all(check["state"] in {"warning", "failed"} for check in refused)
