"""Tests of `textmill runs …`: lists, logs, errors, and hostile names in a terminal."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1

from core.exit import INPUT_ERROR, SUCCEEDED
from tests.pipelines.vertex.conftest import (
    ACCOUNT,
    PARENT,
    PROJECT,
    REGION,
    TEXT,
    Textmill,
)
from tests.vertex_server import VertexServer

HOSTILE = "\x1b[2J\x1b]0;owned\x07 \u202egnp.exe [bold red]not ours[/]\r\n"


def test_runs_are_listed_newest_first_page_by_page(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    for number in range(5):
        textmill("submit", spec, *TEXT, "--run-id", f"run-{number}")
    runs = json.loads(textmill("runs", "list", "--json", "--limit", "3").out)
    assert [run["run"] for run in runs] == ["run-4", "run-3", "run-2"]
    lists = server.calls("GET", "pipelineJobs$")
    assert len(lists) == 1
    assert "runtimeConfig" not in lists[0].query["readMask"][0]  # specs are not transferred
    table = textmill("runs", "list").out
    assert "run-0" in table
    assert "hand" in table


def test_runs_of_other_programs_are_listed_only_with_all(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "ours")
    other = v1.PipelineJob(server.pipeline_jobs[f"{PARENT}/pipelineJobs/ours"])
    other.name, other.labels = f"{PARENT}/pipelineJobs/other", {}
    server.pipeline_jobs[other.name] = other
    assert [r["run"] for r in json.loads(textmill("runs", "list", "--json").out)] == ["ours"]
    every = json.loads(textmill("runs", "list", "--all", "--json").out)
    assert {run["run"] for run in every} == {"ours", "other"}
    failed = json.loads(textmill("runs", "list", "--state", "failed", "--json").out)
    assert failed == []
    wrong = textmill("runs", "list", "--state", "broken")
    assert wrong.code == INPUT_ERROR
    assert "not one of queued, pending" in wrong.err


def test_a_run_is_shown_with_its_parameters_and_tasks(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.failing_tasks["InstanceGen"] = "corpus/a.txt:2:12: byte 0xff is not UTF-8."
    textmill(
        "submit", spec, *TEXT, "--param", "steps=20000", "--run-id", "one", "--watch",
        "--poll-seconds", "0.01",
    )  # fmt: skip
    shown = textmill("runs", "show", "latest")
    assert shown.code == SUCCEEDED  # showing it succeeded, although the run failed
    assert "steps=20000" in shown.out
    assert "InstanceGen: corpus/a.txt:2:12: byte 0xff is not UTF-8." in shown.out
    as_json = json.loads(textmill("runs", "show", "one", "--json").out)
    assert as_json["state"] == "PIPELINE_STATE_FAILED"
    again = textmill("runs", "cancel", "one")
    assert again.code == INPUT_ERROR
    assert "has ended already: failed" in again.err


def test_a_run_that_does_not_exist_is_named_with_its_place(textmill: Textmill) -> None:
    """The service says so, as it does for a run that you may not see."""
    ended = textmill("runs", "show", "nowhere")
    assert ended.code == INPUT_ERROR
    assert f"{PARENT}/pipelineJobs/nowhere" in ended.err


def test_without_any_run_there_is_no_latest_one(textmill: Textmill) -> None:
    ended = textmill("runs", "show", "latest")
    assert ended.code == INPUT_ERROR
    assert (
        ended.err.split()
        == (f"error: There is no run in {PROJECT}, {REGION}. `textmill submit` starts one.").split()
    )


def test_the_name_of_another_region_names_that_region(textmill: Textmill) -> None:
    name = f"projects/{PROJECT}/locations/europe-west4/pipelineJobs/x"
    ended = textmill("runs", "show", name)
    assert ended.code == INPUT_ERROR
    assert "Pass --region europe-west4" in ended.err


def add_training(server: VertexServer, number: int, run: str, hours: float, state: str) -> None:
    """Add a training job on a spot A100 that ran for some hours."""
    end = datetime(2026, 11, 30, 12, tzinfo=UTC)
    machine = {
        "machine_type": "a2-highgpu-1g", "accelerator_type": "NVIDIA_TESLA_A100",
        "accelerator_count": 1,
    }  # fmt: skip
    server.custom_jobs[f"{PARENT}/customJobs/{number}"] = v1.CustomJob(
        name=f"{PARENT}/customJobs/{number}", state=state, create_time=end,
        start_time=end - timedelta(hours=hours), end_time=end,
        labels={"textmill_recipe": "vertex", "textmill_pipeline_job": run},
        job_spec={
            "worker_pool_specs": [{"machine_spec": machine, "replica_count": 1}],
            "scheduling": {"strategy": "SPOT", "timeout": "172800s"},
        },
    )  # fmt: skip


def test_a_run_is_shown_with_the_cost_of_its_training(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    for run in ("last-week", "this-week"):
        textmill("submit", spec, *TEXT, "--run-id", run)
    assert "training" not in textmill("runs", "show", "this-week").out
    add_training(server, 1, "last-week", 4.0, "JOB_STATE_SUCCEEDED")
    add_training(server, 2, "this-week", 0.5, "JOB_STATE_FAILED")  # a first attempt
    add_training(server, 3, "this-week", 1.0, "JOB_STATE_RUNNING")
    shown = textmill("runs", "show", "this-week").out
    assert (
        "training  a2-highgpu-1g, spot: 1.5 h, 3.11 USD so far; 4.0 h, 8.30 USD expected; "
        "48.0 h, 99.58 USD at most"
    ) in shown


def test_a_run_links_its_training_the_curves_and_the_shells(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one")
    add_training(server, 7, "one", 1.0, "JOB_STATE_RUNNING")
    job = server.custom_jobs[f"{PARENT}/customJobs/7"]
    job.job_spec.tensorboard = f"{PARENT}/tensorboards/5"
    job.web_access_uris = {"workerpool0-0": "https://x.aiplatform-training.googleusercontent.com"}
    shown = " ".join(textmill("runs", "show", "one").out.split())
    page = "locations/us-central1/training/7?project=123456789012"
    assert f"job https://console.cloud.google.com/vertex-ai/{page}" in shown
    experiment = f"{PARENT}/tensorboards/5/experiments/7".replace("/", "+")
    host = "https://us-central1.tensorboard.googleusercontent.com"
    assert f"curves {host}/experiment/{experiment}" in shown
    assert "shell https://x.aiplatform-training.googleusercontent.com" in shown


def test_costs_are_added_up_by_label(server: VertexServer, textmill: Textmill) -> None:
    for number, hours, team in ((1, 4.0, "nlp"), (2, 0.5, "nlp"), (3, 1.0, "ads"), (4, 2.0, "")):
        add_training(server, number, "any", hours, "JOB_STATE_SUCCEEDED")
        job = server.custom_jobs[f"{PARENT}/customJobs/{number}"]
        job.create_time = datetime.now(UTC) - timedelta(days=40 if number == 1 else 1)
        if team:
            job.labels["team"] = team
    every = json.loads(textmill("runs", "costs", "--by", "team", "--days", "60", "--json").out)
    assert [(cost["value"], cost["trainings"], cost["hours"]) for cost in every] == [
        ("", 1, 2.0), ("ads", 1, 1.0), ("nlp", 2, 4.5),
    ]  # fmt: skip
    assert every[2]["dollars"] == pytest.approx(4.5 * 1.8039 * 1.15)
    shown = [line.split() for line in textmill("runs", "costs").out.splitlines()]
    assert ["vertex", "3", "3.5", "7.26"] in shown  # the first job is older than 30 days
    server.custom_jobs[f"{PARENT}/customJobs/3"].job_spec.worker_pool_specs[
        0
    ].machine_spec.machine_type = "g2-standard-12"
    shown = [line.split() for line in textmill("runs", "costs", "--by", "team").out.splitlines()]
    assert ["ads", "1", "1.0", "-"] in shown


def test_a_failed_run_is_started_again_with_everything_that_it_had(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    server.failing_tasks["InstanceGen"] = "corpus/a.txt:2:12: byte 0xff is not UTF-8."
    textmill("submit", spec, *TEXT, "--param", "steps=20000", "--label", "team=nlp", "--run-id",
             "one", "--service-account", ACCOUNT, "--watch", "--poll-seconds", "0.01")  # fmt: skip
    server.failing_tasks.clear()
    first = server.pipeline_jobs[f"{PARENT}/pipelineJobs/one"]
    first.labels["vertex-ai-pipelines-run-billing-id"] = "1"  # added by the service
    again = textmill("runs", "retry", "one", "--watch", "--poll-seconds", "0.01")
    assert again.code == SUCCEEDED, again.output
    second = next(j for n, j in server.pipeline_jobs.items() if not n.endswith("/one"))
    assert second.labels == {"textmill_recipe": "vertex", "team": "nlp"}
    assert second.service_account == ACCOUNT
    assert second.runtime_config.parameter_values == first.runtime_config.parameter_values
    assert second.pipeline_spec == first.pipeline_spec
    refused = textmill("runs", "retry", second.name.rpartition("/")[2])
    assert refused.code == INPUT_ERROR
    assert "not failed or cancelled, but succeeded" in refused.err


def write_logs(server: VertexServer, job: str) -> None:
    """Write log entries of a task's custom job, of the training it started, and of another run."""
    run = server.pipeline_jobs[f"{PARENT}/pipelineJobs/{job}"]
    for task in run.job_detail.task_details:
        if task.task_name == "Trainer":
            task.executor_detail.container_detail.main_job = f"{PARENT}/customJobs/11"
            training = v1.CustomJob(
                name=f"{PARENT}/customJobs/7001", create_time=task.start_time,
                labels={"textmill_recipe": "vertex", "textmill_pipeline_job": job},
            )  # fmt: skip
            server.custom_jobs[training.name] = training
    for number, (job_id, severity, words) in enumerate(
        [
            ("11", "INFO", "Submitting the training job"),
            ("7001", "INFO", "step 100 loss 9.1"),
            ("7001", "WARNING", "step 200 loss 9.0 " + HOSTILE),
            ("99", "INFO", "another run's secret plans"),
        ]
    ):
        server.log_entries.append(
            {
                "timestamp": f"2999-01-01T00:00:0{number}.123Z",
                "severity": severity,
                "resource": {"type": "ml_job", "labels": {"job_id": job_id}},
                **({"textPayload": words} if number % 2 else {"jsonPayload": {"message": words}}),
            }
        )


def test_logs_cover_the_tasks_and_the_training_job(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
    write_logs(server, "one")
    text = textmill("runs", "logs", "one", "--task", "Trainer").out
    assert [line.split(maxsplit=3)[3][:24] for line in text.splitlines()] == [
        "Submitting the training ", "step 100 loss 9.1", "step 200 loss 9.0 \ufffd[2J\ufffd]",
    ]  # fmt: skip
    assert "another run" not in textmill("runs", "logs", "one").out
    warnings = textmill("runs", "logs", "one", "--task", "Trainer", "--severity", "warning").out
    assert len(warnings.splitlines()) == 1
    newest = textmill("runs", "logs", "one", "--limit", "1").out
    assert "step 200" in newest
    assert "step 100" not in newest


def test_logs_cover_earlier_tries_and_the_driver_that_failed(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    """A text that the driver refuses leaves no main job at all."""
    server.failing_tasks["TextExampleGen"] = "The text is not UTF-8."
    textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
    run = server.pipeline_jobs[f"{PARENT}/pipelineJobs/one"]
    (task,) = (t for t in run.job_detail.task_details if t.task_name == "TextExampleGen")
    detail = task.executor_detail.container_detail
    detail.failed_pre_caching_check_jobs = [f"{PARENT}/customJobs/1", f"{PARENT}/customJobs/2"]
    detail.pre_caching_check_job = f"{PARENT}/customJobs/3"
    detail.failed_main_jobs = [f"{PARENT}/customJobs/4"]
    server.log_entries += [
        {"timestamp": f"2999-01-01T00:00:0{n}Z", "severity": "ERROR", "textPayload": f"try {n}",
         "resource": {"type": "ml_job", "labels": {"job_id": str(n)}}}
        for n in range(1, 6)
    ]  # fmt: skip
    text = textmill("runs", "logs", "one", "--task", "TextExampleGen").out
    assert [line[-5:] for line in text.splitlines()] == ["try 1", "try 2", "try 3", "try 4"]


def test_the_gcloud_command_has_the_same_filter(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
    write_logs(server, "one")
    command = textmill("runs", "logs", "one", "--command").out
    textmill("runs", "logs", "one")
    sent = server.calls("POST", "entries:list")[0].body["filter"]
    assert command.startswith(f"gcloud logging read '{sent}' --project={PROJECT}")
    wrong = textmill("runs", "logs", "one", "--task", "Trainr")
    assert wrong.code == INPUT_ERROR
    assert "not one of" in wrong.err


def test_hostile_names_cannot_control_the_terminal(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    textmill("schedule", "create", spec, *TEXT, "--cron", "0 3 * * 1", "--name", "weekly")
    server.failing_tasks["Trainer"] = HOSTILE
    textmill("submit", spec, *TEXT, "--run-id", "one", "--watch", "--poll-seconds", "0.01")
    for job in server.pipeline_jobs.values():
        job.display_name = HOSTILE
        job.labels["textmill_recipe"] = "vertex"
    for schedule in server.schedules.values():
        schedule.display_name = HOSTILE
    write_logs(server, "one")
    shown = [
        textmill("runs", "list"), textmill("runs", "show", "one"), textmill("runs", "logs", "one"),
        textmill("schedule", "list"), textmill("schedule", "show", "4001"),
        textmill("schedule", "pause", "4001"), textmill("schedule", "show", "weekly"),
    ]  # fmt: skip
    for ended in shown:
        for sign in ("\x1b", "\x07", "\u202e", "\r"):
            assert sign not in ended.output
    assert "[bold red]not ours[/]" in shown[0].out  # printed literally
