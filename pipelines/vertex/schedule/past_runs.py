"""Review what a schedule did, and run it again for spans of the past."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.errors import InputError
from core.format_numbers import format_duration
from pipelines.cloud.client import Cloud, message_to_json
from pipelines.compiled_spec.parameters import text_patterns
from pipelines.table import Table, print_table
from pipelines.vertex.runs.describe import run_seconds, safe, short_id, state_name, styled
from pipelines.vertex.runs.runs import list_runs
from pipelines.vertex.schedule.cron import format_in_zone
from pipelines.vertex.schedule.describe import read_schedule_cron

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

SPAN = re.compile(r"(\d+)(?:\.\.(\d+))?")
MAX_SPANS = 100


@dataclass(frozen=True)
class Due:
    """A time at which the schedule was due, and the run that it started."""

    time: datetime
    run: "v1.PipelineJob | None"  # None: skipped, or the schedule was paused

    def as_json(self) -> dict[str, Any]:
        """Return it as `textmill schedule history --json` prints it."""
        run = self.run
        return {
            "due": self.time.isoformat(),
            "run": short_id(run.name) if run else None,
            "state": state_name(run.state) if run else "not started",
            "seconds": round(run_seconds(run), 1) if run else None,
            "error": (run.error.message or None) if run else None,
        }


def read_history(cloud: Cloud, schedule: "v1.Schedule", limit: int) -> list[Due]:
    """Return the latest times at which a schedule was due, newest first, with their runs.

    Raises:
        InputError: this program cannot read the schedule's cron line.
    """
    cron = read_schedule_cron(schedule)
    if cron is None:
        raise InputError(f"The cron line {schedule.cron!r} cannot be read, so no time is known.")
    begun = max(time for time in (schedule.create_time, schedule.start_time) if time)
    runs = list_runs(cloud, limit=limit, schedule=schedule.name, all_pipelines=True)
    return list(_match(cron.previous_runs(limit, begun, datetime.now(UTC)), runs))


def _match(times: Sequence[datetime], runs: Sequence["v1.PipelineJob"]) -> Iterator[Due]:
    """Yield each time with the run created next, if that was before the next time."""
    rest = list(runs)  # newest first, like the times
    for time in times:
        started = [run for run in rest if run.create_time >= time - timedelta(minutes=1)]
        rest = rest[len(started) :]
        yield Due(time, started[-1] if started else None)


def print_history(schedule: "v1.Schedule", history: Sequence[Due], console: Console) -> None:
    """Print a table with one row per time at which the schedule was due."""
    if not history:
        console.print(f"{safe(schedule.display_name)} has not been due yet.")
        return
    cron = read_schedule_cron(schedule)
    table = Table("due", "run", "state", "took", "error", wraps=True)
    for due in history:
        run = due.run
        table.add_row(
            format_in_zone(due.time, cron.zone if cron else "UTC"),
            safe(short_id(run.name)) if run else "-",
            styled(state_name(run.state)) if run else "not started",
            format_duration(run_seconds(run)) if run and run.start_time else "",
            safe(run.error.message) if run else "",
        )
    print_table(table, console)
    last = schedule.last_scheduled_run_response
    if last.run_response and not last.run_response.startswith("OK"):
        console.print(f"The last one: {safe(last.run_response)}", soft_wrap=True)


def parse_spans(text: str) -> list[int]:
    """Parse spans such as "3..7" or "3,5,9..11", in ascending order.

    Raises:
        InputError: the text has another form, or names too many spans.
    """
    spans: set[int] = set()
    for part in text.split(","):
        match = SPAN.fullmatch(part.strip())
        if not match:
            raise InputError(f"--spans {text}: write them as 3..7, or as 3,5,9..11.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 0 <= last - first < MAX_SPANS:
            raise InputError(f"--spans {text}: {part} is empty, or more than {MAX_SPANS} spans.")
        spans |= set(range(first, last + 1))
    return sorted(spans)


def backfill_requests(
    cloud: Cloud, schedule: "v1.Schedule", spans: Sequence[int]
) -> list["v1.CreatePipelineJobRequest"]:
    """Build one request per span, with everything else as the schedule has it.

    Raises:
        InputError: the text of the schedule has no {SPAN}.
    """
    from google.cloud import aiplatform_v1 as v1

    template = schedule.create_pipeline_job_request.pipeline_job
    content = message_to_json(template)
    inputs = content["pipelineSpec"]["root"].get("inputDefinitions", {}).get("parameters", {})
    default = inputs.get("text_pattern", {}).get("defaultValue", "")
    given = content["runtimeConfig"]["parameterValues"]
    patterns = text_patterns(content["pipelineSpec"], given.get("text_pattern", default))
    if not any("{SPAN}" in pattern for pattern in patterns.values()):
        raise InputError(
            f"The schedule {schedule.display_name} reads the same text in every run: its "
            f"text_pattern has no {{SPAN}}."
        )
    name = re.sub(r"[^a-z0-9]+", "-", schedule.display_name.lower()).strip("-")[:80]
    requests = []
    for span in spans:
        job = v1.PipelineJob(template)
        job.runtime_config.parameter_values["span"] = str(span)
        requests.append(
            v1.CreatePipelineJobRequest(
                parent=cloud.target.parent,
                pipeline_job=job,
                pipeline_job_id=f"{name}-span-{span}-{datetime.now(UTC):%Y%m%d%H%M%S}",
            )
        )
    return requests
