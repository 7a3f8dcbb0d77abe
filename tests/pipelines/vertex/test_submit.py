"""Tests of `textmill submit` with the real client, against an emulator of Vertex AI."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1

from core.exit import CANCELLED, FAILED, INPUT_ERROR, SUCCEEDED
from tests.components.downstream_evaluator.tasks import write_polarity
from tests.pipelines.vertex.conftest import (
    ACCOUNT,
    PROJECT,
    REGION,
    ROOT,
    SPEC,
    TEXT,
    TEXT_BUCKET,
    Textmill,
)
from tests.vertex_server import VertexServer
from tests.vertex_server.resources import dump

QUICK = ("--watch", "--poll-seconds", "0.01")


def only_job(server: VertexServer) -> dict[str, Any]:
    (job,) = server.pipeline_jobs.values()
    return dump(job)


def test_a_run_is_submitted_with_all_options(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    ended = textmill(
        "submit", spec, *TEXT, "--param", "steps=20000", "--param", "learning_rate=2e-4",
        "--label", "team=nlp", "--service-account", ACCOUNT,
        "--network", "projects/123/global/networks/train",
    )  # fmt: skip
    assert ended.code == SUCCEEDED
    job = only_job(server)
    values = job["runtimeConfig"]["parameterValues"]
    assert values["steps"] == 20000
    assert values["learning_rate"] == 2e-4
    assert values["service_account"] == job["serviceAccount"] == ACCOUNT
    assert values["pipeline_root"] == ROOT
    assert job["runtimeConfig"]["gcsOutputDirectory"] == f"{ROOT}/artifacts"
    assert (values["project"], values["region"]) == (PROJECT, REGION)
    assert job["labels"] == {"textmill_recipe": "vertex", "team": "nlp"}
    assert job["network"] == "projects/123/global/networks/train"
    assert job["runtimeConfig"]["failurePolicy"] == "PIPELINE_FAILURE_POLICY_FAIL_FAST"
    run = job["name"].rsplit("/", 1)[-1]
    link = f"locations/{REGION}/pipelines/runs/{run}?project={PROJECT}"
    assert f"https://console.cloud.google.com/vertex-ai/{link}" in ended.out


def test_watching_shows_each_state_until_the_run_succeeds(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.cached_tasks |= {"TextExampleGen", "VocabularyGen"}
    ended = textmill("submit", spec, *TEXT, *QUICK)
    assert ended.code == SUCCEEDED
    lines = [line.split(maxsplit=1)[-1] for line in ended.err.splitlines()]
    states = ["run pending", "run running", "TextExampleGen running", "TextExampleGen cached"]
    states += ["Trainer running", "Trainer succeeded", "run succeeded"]
    assert [line for line in lines if line in states] == [
        "run pending", "run running", "TextExampleGen running", "TextExampleGen cached",
        "Trainer running", "Trainer succeeded", "run succeeded",
    ]  # fmt: skip
    assert "2 cached" in ended.err
    assert "tfx-dag" not in ended.err  # the DAG that contains the tasks is not listed


def test_a_failed_run_reports_the_tasks_error_and_fails(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.failing_tasks["Trainer"] = "The replica workerpool0-0 exited with status 137."
    ended = textmill("submit", spec, *TEXT, *QUICK, "--run-id", "second")
    assert ended.code == FAILED
    assert "Trainer: The replica workerpool0-0 exited with status 137." in ended.err
    assert "textmill runs logs second --task Trainer" in ended.err
    assert "RunRecord succeeded" in ended.err  # the exit handler runs anyway


def test_a_cancelled_run_has_its_own_exit_code(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "first")
    assert textmill("runs", "cancel", "first").code == SUCCEEDED
    ended = textmill("runs", "show", "first", *QUICK)
    assert ended.code == CANCELLED
    assert "Run first: cancelled" in ended.err


def test_a_dry_run_prints_the_request_and_sends_nothing(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    ended = textmill("submit", spec, *TEXT, "--run-id", "dry", "--dry-run")
    assert ended.code == SUCCEEDED
    assert server.received == []
    request = json.loads(ended.out)
    assert request["parent"] == f"projects/{PROJECT}/locations/{REGION}"
    assert request["pipelineJobId"] == "dry"
    textmill("submit", spec, *TEXT, "--run-id", "dry")
    sent = server.calls("POST", "pipelineJobs$")[0].body
    client = v1.PipelineJob.to_dict(v1.PipelineJob.from_json(json.dumps(sent)))
    printed = v1.PipelineJob.to_dict(v1.PipelineJob.from_json(json.dumps(request["pipelineJob"])))
    assert client == printed


def test_no_cache_disables_the_cache_of_every_task(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--no-cache")
    job = only_job(server)["pipelineSpec"]
    tasks = job["components"]["tfx-dag"]["dag"]["tasks"].values()
    assert not any(task.get("cachingOptions", {}).get("enableCache") for task in tasks)
    textmill("submit", spec, *TEXT, "--run-id", "cached")
    kept = dump(list(server.pipeline_jobs.values())[-1])["pipelineSpec"]
    tasks = kept["components"]["tfx-dag"]["dag"]["tasks"].values()
    assert any(task.get("cachingOptions", {}).get("enableCache") for task in tasks)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--param", "stepps=3"), "Did you mean steps?"),
        (("--param", "steps=many"), "steps: 'many' is not an integer"),
        (("--param", "steps"), "write it as NAME=VALUE, for example steps=2000"),
        (("--param", "region=asia-east1"), "contradicts --region us-central1"),
        (("--label", "Team=NLP"), "write it as KEY=VALUE, for example team=nlp"),
        (("--service-account", "me@example.com"), "NAME@PROJECT.iam.gserviceaccount.com"),
        (("--network", "default"), "projects/NUMBER/global/networks/NAME"),
        (("--root", "folder/here"), "gs://BUCKET/FOLDER"),
        (("--region", "us-central1-a"), "That is a zone"),
        (("--project", "123456789012"), "Pass the project's ID, not its number"),
        (("--endpoint", "http://vertex.example.com"), "unencrypted"),
        (("--endpoint", "https://user:word@vertex.example.com"), "without user"),
        (("--set", "trainer.steps=3"), "is a compiled spec"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_sent(
    server: VertexServer, textmill: Textmill, spec: str, arguments: tuple[str, ...], message: str
) -> None:
    ended = textmill("submit", spec, *TEXT, *arguments)
    assert ended.code == INPUT_ERROR
    assert message in ended.err
    assert server.received == []


@pytest.mark.parametrize(
    ("size", "message"),
    [(100, "100 is not a multiple of 8 replicas"), (1_000_000, "instances at once need about")],
)
def test_a_batch_that_the_jobs_machine_cannot_compute_is_not_submitted(
    server: VertexServer, textmill: Textmill, size: int, message: str
) -> None:
    machine = ("--set", "vertex.training.machine=a100-8")
    batch = ("--param", f"global_batch_size={size}")
    ended = textmill("submit", "vertex", *TEXT, *machine, *batch, "--dry-run")
    assert ended.code == INPUT_ERROR
    assert message in ended.err
    assert server.received == []


def test_placeholder_images_are_not_submitted(server: VertexServer, textmill: Textmill) -> None:
    ended = textmill("submit", str(SPEC), *TEXT)
    assert ended.code == INPUT_ERROR
    assert "are not built yet" in ended.err
    assert server.received == []


@pytest.mark.slow
def test_tasks_on_this_machine_are_not_submitted(
    server: VertexServer, textmill: Textmill, tmp_path: Path
) -> None:
    tasks = json.dumps([write_polarity(tmp_path)])
    ended = textmill("submit", "vertex", *TEXT, "--set", f"evaluation.tasks={tasks}")
    assert ended.code == INPUT_ERROR
    assert "polarity-train.tsv of evaluation.tasks is on this machine" in ended.err
    assert server.received == []


@pytest.mark.parametrize(
    ("root", "content", "message"),
    [
        ("gs://acme-nlp-txt/news", "", "Cannot list the text: The specified bucket does not exist"),
        (f"gs://{TEXT_BUCKET}/new", "", "no file matches gs://acme-nlp-text/new/**. Check text_r"),
        (f"gs://{TEXT_BUCKET}/news", "%PDF-1.7", "news/week-1/a.txt: looks like PDF, not text. Ex"),
        (f"gs://{TEXT_BUCKET}/news", "<!doctype html>", "a.txt: looks like HTML, not text. Extr"),
    ],
)
def test_a_run_without_text_is_not_started(
    server: VertexServer, textmill: Textmill, spec: str, root: str, content: str, message: str
) -> None:
    server.contents[f"{TEXT_BUCKET}/news/week-1/a.txt"] = content
    ended = textmill("submit", spec, "--param", f"text_root={root}")
    assert ended.code == INPUT_ERROR
    assert message in ended.err
    assert len(server.received) <= 2
    assert not server.pipeline_jobs


def test_a_missing_file_is_an_error(textmill: Textmill) -> None:
    ended = textmill("submit", "nowhere.yaml")
    assert ended.code == INPUT_ERROR
    assert "nowhere.yaml: no such file" in ended.err


@pytest.mark.slow
def test_a_recipe_is_compiled_and_submitted(server: VertexServer, textmill: Textmill) -> None:
    ended = textmill(
        "submit", "vertex", *TEXT, "--dry-run", "--set", "trainer.learning_rate=0.0002"
    )
    assert ended.code == SUCCEEDED
    spec = json.loads(ended.out)["pipelineJob"]["pipelineSpec"]
    declared = spec["root"]["inputDefinitions"]["parameters"]
    assert declared["learning_rate"]["defaultValue"] == 2e-4


def test_the_request_equals_that_of_googles_own_client(
    server: VertexServer, textmill: Textmill, spec: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`aiplatform.PipelineJob` sends the same spec, parameters and configuration."""
    from google.cloud import aiplatform
    from google.cloud.aiplatform import pipeline_jobs

    textmill("submit", spec, *TEXT, "--run-id", "ours", "--service-account", ACCOUNT)
    # Google's client would also look for the bucket and create it, which is not compared here.
    probe = "create_gcs_bucket_for_pipeline_artifacts_if_it_does_not_exist"
    monkeypatch.setattr(pipeline_jobs.gcs_utils, probe, lambda **_: None)
    monkeypatch.setattr(pipeline_jobs, "_JOB_WAIT_TIME", 0.01)
    aiplatform.init(
        project=PROJECT, location=REGION, credentials=AnonymousCredentials(),
        api_endpoint=server.url, api_transport="rest",
    )  # fmt: skip
    ours = server.calls("POST", "pipelineJobs$")[0].body
    theirs = aiplatform.PipelineJob(
        display_name="vertex", template_path=spec, job_id="theirs",
        pipeline_root=f"{ROOT}/artifacts",
        parameter_values=ours["runtimeConfig"]["parameterValues"],
        labels={"textmill_recipe": "vertex"}, failure_policy="fast",
    )  # fmt: skip
    theirs.submit(service_account=ACCOUNT)
    assert server.calls("POST", "pipelineJobs$")[1].body == ours
    theirs.wait()
    assert theirs.state == v1.PipelineState.PIPELINE_STATE_SUCCEEDED
