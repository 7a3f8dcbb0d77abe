"""Schedules to a terminal: when they fire, what they start, how the last run began."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from core.errors import InputError
from pipelines.cloud.links import schedule_link
from pipelines.cloud.messages import as_json
from pipelines.cloud.target import Target
from pipelines.vertex.runs.runs import given_values
from pipelines.vertex.runs.watch import safe, state_word, styled
from pipelines.vertex.schedule.cron import Cron, both_zones, read_cron
from pipelines.vertex.schedule.schedule import schedule_id

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

SHOWN_RUNS = 5
STATE_STYLES = {"active": "green", "paused": "yellow"}


def print_schedules(schedules: Sequence["v1.Schedule"], console: Console) -> None:
    """A line for each schedule."""
    if not schedules:
        console.print("No schedules. `textmill schedule create` makes one.")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("id", "name", "state", "cron", "next run"):
        table.add_column(name, no_wrap=name != "cron")
    for schedule in schedules:
        cron = cron_of(schedule)
        is_active = state_word(schedule.state) == "active" and schedule.next_run_time
        following = both_zones(schedule.next_run_time, cron.zone if cron else "UTC")
        table.add_row(
            schedule_id(schedule),
            safe(schedule.display_name),
            _state(schedule),
            safe(schedule.cron),
            following.split("  =  ")[0] if is_active else "",
        )
    console.print(table)


def print_schedule(schedule: "v1.Schedule", target: Target, console: Console) -> None:
    """All that matters of one schedule, with its next runs."""
    job = schedule.create_pipeline_job_request.pipeline_job
    spec = as_json(job).get("pipelineSpec", {}).get("pipelineInfo", {})
    most = schedule.max_concurrent_active_run_count or schedule.max_concurrent_run_count
    limit = f" of {schedule.max_run_count:,}" if schedule.max_run_count else ""
    told: dict[str, Any] = {
        "schedule": f"{schedule_id(schedule)} ({schedule.display_name})",
        "cron": schedule.cron,
        "pipeline": spec.get("name", "?"),
        "account": job.service_account or "Compute Engine's default service account",
        "artifacts": job.runtime_config.gcs_output_directory,
        "at a time": f"{most}, others {'wait' if schedule.allow_queueing else 'are left out'}",
        "begun": f"{schedule.started_run_count:,}{limit}",
        "console": schedule_link(target, schedule_id(schedule)),
    }
    zone = _zone(schedule)
    if schedule.end_time:
        told["end"] = both_zones(schedule.end_time, zone)
    last = schedule.last_scheduled_run_response
    if last.scheduled_run_time:
        told["last"] = f"{both_zones(last.scheduled_run_time, zone)}: {last.run_response}"
    console.print(f"[dim]{'state':<10}[/]{_state(schedule)}")
    for key, value in told.items():
        console.print(f"[dim]{key:<10}[/]{safe(value)}", soft_wrap=True)
    if given := given_values(job):
        console.print(f"[dim]{'given':<10}[/]{safe(given)}", soft_wrap=True)
    if state_word(schedule.state) == "active":
        print_next_runs(schedule, console)


def print_next_runs(schedule: "v1.Schedule", console: Console) -> None:
    """The next five times at which a run begins, in the schedule's zone and in UTC."""
    cron = cron_of(schedule)
    if cron is None:
        return
    console.print("[dim]next runs[/]")
    times = cron.next_runs(
        SHOWN_RUNS, start=schedule.start_time or None, end=schedule.end_time or None
    )
    for time in times:
        console.print(f"  {safe(both_zones(time, cron.zone))}")


def cron_of(schedule: "v1.Schedule") -> Cron | None:
    """The schedule's cron line; None if it is one that only Vertex AI can read."""
    try:
        return read_cron(schedule.cron, None)
    except InputError:
        return None


def _zone(schedule: "v1.Schedule") -> str:
    cron = cron_of(schedule)
    return cron.zone if cron else "UTC"


def _state(schedule: "v1.Schedule") -> str:
    state = state_word(schedule.state)
    return f"[{STATE_STYLES[state]}]{state}[/]" if state in STATE_STYLES else styled(state)
