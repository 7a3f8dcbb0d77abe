"""Describe schedules in a terminal: when they fire, what they run, and how the last run started."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.errors import InputError
from pipelines.cloud.client import message_to_json
from pipelines.cloud.target import Target
from pipelines.table import Table, print_table
from pipelines.vertex.runs.describe import (
    DEFAULT_ACCOUNT,
    print_fields,
    safe,
    short_id,
    state_name,
    styled,
)
from pipelines.vertex.runs.runs import format_parameters
from pipelines.vertex.schedule.cron import Cron, format_both, format_in_zone, read_cron

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

NUM_NEXT_RUNS = 5


def print_schedules(schedules: Sequence["v1.Schedule"], console: Console) -> None:
    """Print a table with one row per schedule."""
    if not schedules:
        console.print("No schedules. `textmill schedule create` makes one.")
        return
    table = Table("id", "name", "state", "cron", "next run", wraps=True)
    for schedule in schedules:
        is_active = state_name(schedule.state) == "active" and schedule.next_run_time
        table.add_row(
            short_id(schedule.name),
            safe(schedule.display_name),
            styled(state_name(schedule.state)),
            safe(schedule.cron),
            format_in_zone(schedule.next_run_time, _read_zone(schedule)) if is_active else "",
        )
    print_table(table, console)


def print_schedule(schedule: "v1.Schedule", target: Target, console: Console) -> None:
    """Print the details of a schedule and its next runs."""
    job = schedule.create_pipeline_job_request.pipeline_job
    pipeline = message_to_json(job).get("pipelineSpec", {}).get("pipelineInfo", {})
    max_active = schedule.max_concurrent_active_run_count or schedule.max_concurrent_run_count
    max_runs = f" of {schedule.max_run_count:,}" if schedule.max_run_count else ""
    fields: dict[str, Any] = {
        "schedule": f"{short_id(schedule.name)} ({schedule.display_name})",
        "cron": schedule.cron,
        "pipeline": pipeline.get("name", "?"),
        "account": job.service_account or DEFAULT_ACCOUNT,
        "artifacts": job.runtime_config.gcs_output_directory,
        "at a time": f"{max_active}; others {'wait' if schedule.allow_queueing else 'are skipped'}",
        "started": f"{schedule.started_run_count:,}{max_runs}",
        "console": target.console_link("schedules", short_id(schedule.name)),
    }
    zone = _read_zone(schedule)
    if schedule.end_time:
        fields["end"] = format_both(schedule.end_time, zone)
    last = schedule.last_scheduled_run_response
    if last.scheduled_run_time:
        fields["last run"] = f"{format_both(last.scheduled_run_time, zone)}: {last.run_response}"
    if parameters := format_parameters(job):
        fields["params"] = parameters
    state = state_name(schedule.state)
    console.print(f"[dim]{'state':<10}[/]{styled(state)}")
    print_fields(fields, console)
    if state == "active":
        print_next_runs(schedule, console)


def print_next_runs(schedule: "v1.Schedule", console: Console) -> None:
    """Print the next five start times, in the schedule's zone and in UTC."""
    cron = read_schedule_cron(schedule)
    if cron is None:
        return
    console.print("[dim]next runs[/]")
    times = cron.next_runs(
        NUM_NEXT_RUNS, start=schedule.start_time or None, end=schedule.end_time or None
    )
    for time in times:
        console.print(f"  {safe(format_both(time, cron.zone))}")


def read_schedule_cron(schedule: "v1.Schedule") -> Cron | None:
    """Return the schedule's cron line, or None if this program cannot read it."""
    try:
        return read_cron(schedule.cron, None)
    except InputError:
        return None


def _read_zone(schedule: "v1.Schedule") -> str:
    cron = read_schedule_cron(schedule)
    return cron.zone if cron else "UTC"
