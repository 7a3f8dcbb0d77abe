"""Emulate schedules, which fire when a test calls `fire`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from google.cloud import aiplatform_v1 as v1

from tests.vertex_server.pipeline_jobs import ENDED, check_job, start_job
from tests.vertex_server.resources import (
    Call,
    Refusal,
    dump,
    must_find,
    now,
    page,
    parse,
    start_operation,
)

PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/schedules"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/schedules/[^/:]+)"
State = v1.Schedule.State


@dataclass
class Schedules:
    """The schedules by resource name."""

    schedules: dict[str, v1.Schedule] = field(default_factory=dict)
    schedules_made: int = 0


def create(server: Any, call: Call, parent: str) -> v1.Schedule:
    """POST …/schedules."""
    schedule = parse(v1.Schedule, call.body)
    if not schedule.display_name:
        raise Refusal(400, "display_name is required.")
    if schedule.max_concurrent_run_count < 1:
        raise Refusal(400, "max_concurrent_run_count must be positive.")
    check_job(schedule.create_pipeline_job_request.pipeline_job)
    server.schedules_made += 1
    schedule.name = f"{parent}/schedules/{4000 + server.schedules_made}"
    schedule.state = State.ACTIVE
    schedule.create_time = schedule.update_time = now()
    schedule.start_time = schedule.start_time or now()
    schedule.next_run_time = next_run(schedule, max(schedule.start_time, now()))
    server.schedules[schedule.name] = schedule
    return schedule


def next_run(schedule: v1.Schedule, after: datetime) -> datetime:
    """Return the next time at which the schedule fires."""
    zone, fields = "UTC", schedule.cron
    if "TZ=" in fields:
        prefix, fields = fields.split(maxsplit=1)
        zone = prefix.split("=", 1)[1]
    try:
        return next(CronSim(fields, after.astimezone(ZoneInfo(zone)))).astimezone(ZoneInfo("UTC"))
    except (CronSimError, ZoneInfoNotFoundError, ValueError) as error:
        raise Refusal(400, f"Invalid cron {schedule.cron!r}.") from error


def get(server: Any, call: Call, name: str) -> v1.Schedule:
    """GET …/schedules/ID."""
    return must_find(server.schedules, name)


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/schedules?filter=…."""
    schedules = [s for n, s in server.schedules.items() if n.startswith(f"{parent}/")]
    return page(schedules, call, "schedules", "int" in call.one("$alt"))


def update(server: Any, call: Call, name: str) -> v1.Schedule:
    """PATCH …/schedules/ID?updateMask=…; fields outside the mask are kept."""
    schedule = must_find(server.schedules, name)
    wanted = parse(v1.Schedule, call.body)
    mask = call.one("updateMask", "update_mask").split(",")
    for path in filter(None, mask):
        snake = "".join(f"_{c.lower()}" if c.isupper() else c for c in path)
        if not hasattr(schedule, snake):
            raise Refusal(400, f"Invalid field in update_mask: {path}.")
        before, after = getattr(schedule, snake), getattr(wanted, snake)
        # "The non-empty fields cannot be unset" (UpdateScheduleRequest). Assumption: false is a
        # value of a flag, and not an empty one.
        if before and not after and not isinstance(before, bool):
            raise Refusal(400, f"The field {path} cannot be unset.")
        setattr(schedule, snake, getattr(wanted, snake))
    if "createPipelineJobRequest" in call.one("updateMask", "update_mask"):
        check_job(schedule.create_pipeline_job_request.pipeline_job)
    schedule.update_time = now()
    schedule.next_run_time = next_run(schedule, now())
    return schedule


def pause(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/schedules/ID:pause. Assumption: only an active schedule can be paused."""
    schedule = must_find(server.schedules, name)
    _must_be(schedule, State.ACTIVE)
    schedule.state, schedule.last_pause_time = State.PAUSED, now()
    return {}


def resume(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/schedules/ID:resume."""
    schedule = must_find(server.schedules, name)
    _must_be(schedule, State.PAUSED)
    schedule.state, schedule.last_resume_time = State.ACTIVE, now()
    schedule.catch_up = bool((call.body or {}).get("catchUp"))
    schedule.next_run_time = next_run(schedule, now())
    return {}


def delete(server: Any, call: Call, name: str) -> dict[str, Any]:
    """DELETE …/schedules/ID."""
    must_find(server.schedules, name)
    del server.schedules[name]
    return start_operation(server, name)


def fire(server: Any, name: str, when: datetime | None = None) -> v1.PipelineJob | None:
    """Act like the service at the scheduled time: start a run, or skip it and record why.

    Assumption: the words of `run_response`, and the ids of the runs.
    """
    with server.lock:
        schedule = must_find(server.schedules, name)
        if schedule.state != State.ACTIVE:
            return None
        time = when or now()
        running = [
            job for job in server.pipeline_jobs.values()
            if job.schedule_name == name and job.state not in ENDED
        ]  # fmt: skip
        max_active = schedule.max_concurrent_active_run_count
        schedule.last_scheduled_run_response.scheduled_run_time = time
        schedule.next_run_time = next_run(schedule, time)
        if max_active and len(running) >= max_active:
            schedule.last_scheduled_run_response.run_response = "Skipped: too many active runs."
            return None
        request = schedule.create_pipeline_job_request
        schedule.started_run_count += 1
        job_id = f"{name.rsplit('/', maxsplit=1)[-1]}-{schedule.started_run_count}"
        parent = name.split("/schedules/", maxsplit=1)[0]
        job = start_job(server, parent, dump(request.pipeline_job), job_id, schedule=name)
        schedule.last_scheduled_run_response.run_response = f"OK: {job.name}"
        if schedule.max_run_count and schedule.started_run_count >= schedule.max_run_count:
            schedule.state = State.COMPLETED
        return job


def _must_be(schedule: v1.Schedule, state: Any) -> None:
    if schedule.state != state:
        current = State(schedule.state).name
        raise Refusal(400, f"The Schedule is in state {current}; expected {state.name}.",
                      status="FAILED_PRECONDITION")  # fmt: skip


ROUTES = (
    ("POST", PARENT, create),
    ("GET", PARENT, list_),
    ("GET", NAME, get),
    ("PATCH", NAME, update),
    ("DELETE", NAME, delete),
    ("POST", NAME + ":pause", pause),
    ("POST", NAME + ":resume", resume),
)
