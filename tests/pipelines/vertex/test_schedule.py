"""Tests of `textmill schedule …`, from creation to deletion."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from google.cloud import aiplatform_v1 as v1

from core.exit import FAILED, INPUT_ERROR, SUCCEEDED
from pipelines.vertex.schedule.describe import read_schedule_cron
from tests.pipelines.vertex.conftest import ACCOUNT, PROJECT, REGION, TEXT, Ended, Textmill
from tests.vertex_server import VertexServer
from tests.vertex_server.schedules import fire

WEEKLY = ("--cron", "0 3 * * 1", "--time-zone", "Europe/Berlin", "--name", "weekly")
State = v1.Schedule.State


def make(textmill: Textmill, spec: str, *more: str) -> Ended:
    return textmill("schedule", "create", spec, *TEXT, *WEEKLY, *more)


def only(server: VertexServer) -> v1.Schedule:
    (schedule,) = server.schedules.values()
    return schedule


def test_a_schedule_has_safe_defaults(server: VertexServer, textmill: Textmill, spec: str) -> None:
    ended = make(textmill, spec, "--service-account", ACCOUNT, "--label", "team=nlp")
    assert ended.code == SUCCEEDED
    schedule = only(server)
    assert schedule.cron == "TZ=Europe/Berlin 0 3 * * 1"
    assert schedule.max_concurrent_run_count == 1
    assert schedule.max_concurrent_active_run_count == 1  # no run starts while another is active
    assert not schedule.allow_queueing
    assert not schedule.catch_up
    job = schedule.create_pipeline_job_request.pipeline_job
    assert job.service_account == ACCOUNT
    assert job.labels == {"textmill_recipe": "vertex", "team": "nlp"}
    assert job.runtime_config.parameter_values["text_root"] == "gs://acme-nlp-text/news"
    assert job.runtime_config.parameter_values.get("span") is None  # each run reads the newest


def test_the_next_five_runs_are_shown_in_the_zone_and_in_utc(textmill: Textmill, spec: str) -> None:
    shown = make(textmill, spec, "--start", "2027-03-15").out.split("next runs\n")[1]
    assert [line.strip() for line in shown.splitlines()] == [
        "Mon 2027-03-15 03:00 CET  =  2027-03-15 02:00 UTC",
        "Mon 2027-03-22 03:00 CET  =  2027-03-22 02:00 UTC",
        "Mon 2027-03-29 03:00 CEST  =  2027-03-29 01:00 UTC",  # daylight saving time starts
        "Mon 2027-04-05 03:00 CEST  =  2027-04-05 01:00 UTC",
        "Mon 2027-04-12 03:00 CEST  =  2027-04-12 01:00 UTC",
    ]


def test_start_end_and_counts_are_sent(server: VertexServer, textmill: Textmill, spec: str) -> None:
    make(
        textmill, spec, "--start", "2027-01-04", "--end", "2027-12-31T12:00+00:00",
        "--max-runs", "40", "--max-concurrent", "2", "--queue",
    )  # fmt: skip
    schedule = only(server)
    assert schedule.start_time == datetime(2027, 1, 3, 23, tzinfo=UTC)  # Berlin's midnight
    assert schedule.end_time == datetime(2027, 12, 31, 12, tzinfo=UTC)
    assert schedule.max_run_count == 40
    assert schedule.max_concurrent_run_count == 2
    assert schedule.allow_queueing


def test_a_second_schedule_of_the_same_name_is_refused(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec)
    again = make(textmill, spec)
    assert again.code == INPUT_ERROR
    assert "A schedule weekly exists already (4001)" in again.err
    assert len(server.schedules) == 1


def test_pause_and_resume(server: VertexServer, textmill: Textmill, spec: str) -> None:
    make(textmill, spec)
    assert "Paused: weekly" in textmill("schedule", "pause", "weekly").out
    assert only(server).state == State.PAUSED
    assert "next runs" not in textmill("schedule", "show", "weekly").out
    resumed = textmill("schedule", "resume", "4001")
    assert only(server).state == State.ACTIVE
    assert not only(server).catch_up
    assert "next runs" in resumed.out
    textmill("schedule", "pause", "weekly")
    textmill("schedule", "resume", "weekly", "--catch-up")
    assert only(server).catch_up


def test_an_update_changes_only_the_given_values(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec, "--end", "2030-01-01")
    before = v1.Schedule.to_dict(only(server))
    assert textmill("schedule", "update", "weekly", "--cron", "30 4 * * 2").code == SUCCEEDED
    after = v1.Schedule.to_dict(only(server))
    assert after["cron"] == "TZ=Europe/Berlin 30 4 * * 2"  # the zone stays
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"cron", "update_time", "next_run_time"}
    textmill("schedule", "update", "weekly", "--time-zone", "Asia/Seoul")
    assert only(server).cron == "TZ=Asia/Seoul 30 4 * * 2"


def test_an_update_can_change_what_runs(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec)
    textmill("schedule", "update", "weekly", "--spec", spec, *TEXT, "--param", "steps=50000")
    job = only(server).create_pipeline_job_request.pipeline_job
    assert job.runtime_config.parameter_values["steps"] == 50000
    refused = textmill("schedule", "update", "weekly", "--param", "steps=50000")
    assert refused.code == INPUT_ERROR
    assert "need --spec" in refused.err
    assert "Nothing to change" in textmill("schedule", "update", "weekly").err


def test_list_show_and_delete(server: VertexServer, textmill: Textmill, spec: str) -> None:
    assert "No schedules" in textmill("schedule", "list").out
    make(textmill, spec)
    make(textmill, spec, "--name", "daily", "--cron", "0 1 * * *")
    listed = textmill("schedule", "list").out
    assert "weekly" in listed
    assert "daily" in listed
    as_json = json.loads(textmill("schedule", "list", "--json").out)
    assert [s["displayName"] for s in as_json] == ["daily", "weekly"]
    shown = json.loads(textmill("schedule", "show", "daily", "--json").out)
    assert shown["cron"] == "TZ=Europe/Berlin 0 1 * * *"
    started = fire(server, next(s.name for s in server.schedules.values() if "1 * * *" in s.cron))
    assert "Deleted: daily" in textmill("schedule", "delete", "daily").out
    assert started is not None
    assert "Run 4002-1: pending" in textmill("runs", "show", started.name).out
    assert [s.display_name for s in server.schedules.values()] == ["weekly"]
    gone = textmill("schedule", "show", "daily")
    assert gone.code == INPUT_ERROR
    assert f"no schedule daily in {PROJECT}, {REGION}. Existing schedules: weekly." in gone.err


def test_a_schedule_runs_one_pipeline_at_a_time(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    """The service skips a run over the limit, and `runs list` filters by schedule."""
    make(textmill, spec)
    textmill("submit", spec, *TEXT, "--run-id", "by-hand")
    name = only(server).name
    first = fire(server, name)
    assert first is not None
    assert fire(server, name) is None  # the first is still active
    runs = json.loads(textmill("runs", "list", "--schedule", "weekly", "--json").out)
    assert [run["run"] for run in runs] == ["4001-1"]
    assert len(json.loads(textmill("runs", "list", "--json").out)) == 2
    assert "Skipped: too many active runs." in textmill("schedule", "show", "weekly").out


def test_a_dry_run_creates_nothing(server: VertexServer, textmill: Textmill, spec: str) -> None:
    ended = make(textmill, spec, "--dry-run")
    assert json.loads(ended.out)["schedule"]["cron"] == "TZ=Europe/Berlin 0 3 * * 1"
    assert "next runs" in ended.err
    assert server.received == []


def test_a_dry_update_reads_the_schedule_and_changes_nothing(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec)
    before, calls = v1.Schedule(only(server)), len(server.received)
    ended = textmill("schedule", "update", "weekly", "--cron", "30 4 * * 2", "--dry-run")
    assert ended.code == SUCCEEDED
    request = json.loads(ended.out)
    assert request["updateMask"] == "cron"
    assert request["schedule"]["cron"] == "TZ=Europe/Berlin 30 4 * * 2"  # the schedule's own zone
    assert "next runs\n  Tue " in ended.err
    assert {call.method for call in server.received[calls:]} == {"GET"}
    assert only(server) == before


def test_a_dry_update_without_a_change_is_refused(textmill: Textmill, spec: str) -> None:
    make(textmill, spec)
    ended = textmill("schedule", "update", "weekly", "--dry-run")
    assert ended.code == INPUT_ERROR
    assert "Nothing to change." in ended.err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--cron", "0 3 * *"), "4 fields instead of 5"),
        (("--cron", "0 25 * * 1"), "bad hour"),
        (("--time-zone", "Europe/Berln"), "Did you mean Europe/Berlin?"),
        (("--start", "next week"), "write it as 2027-01-31"),
        (("--start", "2027-02-01", "--end", "2027-01-01"), "--end is before --start"),
        (("--start", "2027-02-02", "--end", "2027-02-03"), "No run would start"),
    ],
)
def test_wrong_times_are_refused_before_anything_is_sent(
    server: VertexServer, textmill: Textmill, spec: str, more: tuple[str, ...], message: str
) -> None:
    ended = make(textmill, spec, *more)
    assert ended.code == INPUT_ERROR
    assert message in ended.err.replace("\n", " ")
    assert server.received == []


def test_the_history_shows_each_time_that_was_due(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec)
    assert "weekly has not been due yet" in textmill("schedule", "history", "weekly").out
    schedule = only(server)
    now = datetime.now(UTC)
    times = read_schedule_cron(schedule).previous_runs(3, now - timedelta(days=30), now)
    schedule.create_time = schedule.start_time = times[2] - timedelta(hours=1)
    for week in (2, 0):  # the second week was skipped
        job = fire(server, schedule.name)
        job.create_time = times[week] + timedelta(seconds=5)
        job.state = v1.PipelineState.PIPELINE_STATE_SUCCEEDED
    job.state, job.error.message = v1.PipelineState.PIPELINE_STATE_FAILED, "No text."
    listed = json.loads(textmill("schedule", "history", "weekly", "--json").out)
    assert [(due["run"], due["state"]) for due in listed] == [
        ("4001-2", "failed"), (None, "not started"), ("4001-1", "succeeded"),
    ]  # fmt: skip
    table = textmill("schedule", "history", "weekly", "--limit", "2").out
    assert "not started" in table
    assert "No text." in table
    assert "4001-1" not in table


def test_spans_of_the_past_run_in_order_until_one_fails(
    server: VertexServer, textmill: Textmill, spec: str
) -> None:
    make(textmill, spec)
    refused = textmill("schedule", "backfill", "weekly", "--spans", "3..5")
    assert refused.code == INPUT_ERROR
    assert "its text_pattern has no {SPAN}" in refused.err
    textmill("schedule", "update", "weekly", "--spec", spec, *TEXT, "--param",
             "text_pattern=week-{SPAN}/*.txt")  # fmt: skip
    run = ("schedule", "backfill", "weekly", "--poll-seconds", "0.01")
    assert textmill(*run, "--spans", "3..x").code == INPUT_ERROR
    dry = json.loads(textmill(*run, "--spans", "3..4", "--dry-run").out)
    assert [r["pipelineJob"]["runtimeConfig"]["parameterValues"]["span"] for r in dry] == ["3", "4"]
    assert not server.pipeline_jobs
    done = textmill(*run, "--spans", "3,5")
    assert done.code == SUCCEEDED, done.output
    jobs = list(server.pipeline_jobs.values())
    assert [j.runtime_config.parameter_values["span"] for j in jobs] == ["3", "5"]
    assert all(j.state == v1.PipelineState.PIPELINE_STATE_SUCCEEDED for j in jobs)
    assert all(j.labels["textmill_recipe"] == "vertex" for j in jobs)
    server.failing_tasks["InstanceGen"] = "Out of memory."
    assert textmill(*run, "--spans", "7..9").code == FAILED
    assert len(server.pipeline_jobs) == 3
