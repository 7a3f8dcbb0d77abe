"""Call the commands of three weeks of operation against the tests' server, and keep the output."""

import functools
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

from google.cloud import aiplatform_v1 as v1

from components.publisher.publish import publish
from docs.tools.textmill import shorten, textmill
from docs.tools.vertex_output import (
    FAST,
    REGION,
    SPEC,
    TEXT,
    connect,
    create_project,
    write_spec,
)
from pipelines.vertex.schedule.describe import read_schedule_cron
from tests.components.publisher.conftest import FILES, write_model
from tests.vertex_server import VertexServer
from tests.vertex_server.schedules import fire

BAD_TEXT = "gs://acme-nlp-text/news/week-4/c.txt:812: byte 0xff is not UTF-8. Fix the file."


def operating_output(folder: Path) -> dict[str, str]:
    """Return the output of each command of the operator's guide, by the asset's name."""
    write_spec(folder)
    with VertexServer() as server:
        call = connect(server, folder, "textmill")
        output = {}
        server.enabled_apis, server.images = {"storage.googleapis.com"}, set()
        output["operate-doctor-empty"] = call("doctor", SPEC, *TEXT, code=1)
        server.enabled_apis = server.images = None  # Terraform and the build of the images are done
        create_project(server)
        first = call(
            "submit", SPEC, *TEXT, "--label", "team=nlp", "--run-id", "first", "--watch", *FAST
        )
        output["operate-first"] = shorten(first, first=7, last=3)
        _add_training(server, 1, "first", 4.2)
        output["operate-cost"] = shorten(call("runs", "show", "first"), first=8, last=1)
        output["operate-costs"] = call("runs", "costs", "--by", "team", "--days", "7")
        cron = ("--cron", "0 3 * * 1", "--time-zone", "Europe/Berlin", "--name", "weekly")
        call("schedule", "create", SPEC, *TEXT, *cron)
        failed = _two_mondays(server)
        call("runs", "show", failed, "--watch", *FAST, code=1)
        output["operate-history"] = call("schedule", "history", "weekly", "--limit", "3")
        shown = call("runs", "show", failed)
        output["operate-show"] = shown[shown.index("  task") :]
        server.failing_tasks.clear()
        again = call("runs", "retry", failed, "--watch", *FAST)
        output["operate-retry"] = shorten(again, first=6, last=1)
        backfill = call("schedule", "backfill", "weekly", "--spans", "3..4", *FAST)
        lines = [line for line in backfill.splitlines() if line.startswith(("run  ", "Run "))]
        output["operate-backfill"] = "\n".join(lines) + "\n"
    return output | _models(folder)


def _add_training(server: VertexServer, number: int, run: str, hours: float) -> None:
    parent = f"projects/{server.project_number}/locations/{REGION}"
    end = datetime.now(UTC)
    machine = {
        "machine_type": "a2-highgpu-1g", "accelerator_type": "NVIDIA_TESLA_A100",
        "accelerator_count": 1,
    }  # fmt: skip
    name = f"{parent}/customJobs/{7000 + number}"
    server.custom_jobs[name] = v1.CustomJob(
        name=name, state="JOB_STATE_SUCCEEDED", create_time=end,
        start_time=end - timedelta(hours=hours), end_time=end,
        labels={"textmill_recipe": "vertex", "textmill_pipeline_job": run, "team": "nlp"},
        job_spec={
            "worker_pool_specs": [{"machine_spec": machine, "replica_count": 1}],
            "scheduling": {"strategy": "SPOT", "timeout": "172800s"},
        },
    )  # fmt: skip


def _two_mondays(server: VertexServer) -> str:
    """Let the schedule start a good run, and two weeks later a bad one; return the bad one's id."""
    (name, schedule), *_ = server.schedules.items()
    now = datetime.now(UTC)
    cron = read_schedule_cron(schedule)
    assert cron is not None
    times = cron.previous_runs(3, now - timedelta(days=30), now)
    schedule.create_time = schedule.start_time = times[2] - timedelta(hours=1)
    run = ""
    for week in (2, 0):
        job = fire(server, name)
        assert job is not None
        job.create_time = times[week] + timedelta(seconds=4)
        run = job.name.rpartition("/")[2]
        if week:
            job.state = v1.PipelineState.PIPELINE_STATE_SUCCEEDED
            job.start_time, job.end_time = job.create_time, job.create_time + timedelta(hours=6)
    server.failing_tasks["TextExampleGen"] = BAD_TEXT
    return run


def _models(folder: Path) -> dict[str, str]:
    """Publish two versions, and go back to the first."""
    card, published = folder / "card", folder / "work" / "published" / "weekly"
    for earlier in (card, published):
        shutil.rmtree(earlier, ignore_errors=True)
    card.mkdir()
    for text, moment in (("first", 1_763_952_000), ("second", 1_764_556_800)):
        (card / "README.md").write_text(f"# {text}\n", encoding="utf-8")
        write_model(folder / text, FILES)
        publish(str(folder / text), str(card), str(published), functools.partial(int, moment))
    shown = "work/published/weekly"
    listed = textmill("models", "list", shown, folder=folder)
    back = textmill("models", "rollback", shown, folder=folder)
    return {"operate-models": listed, "operate-rollback": back}
