"""Describe runs on Vertex AI in a terminal: states, tasks, durations and errors."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from core.exit import CANCELLED, FAILED, SUCCEEDED
from core.format_numbers import format_duration
from pipelines.cloud.errors import without_secrets
from pipelines.table import Table

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

EXIT_CODES = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}  # of ended runs
STYLES = {
    "succeeded": "green",
    "cached": "cyan",
    "running": "yellow",
    "failed": "red",
    "cancelled": "magenta",
    "cancelling": "magenta",
    "active": "green",
    "paused": "yellow",
}
DEFAULT_ACCOUNT = "Compute Engine's default service account"


def short_id(resource: str) -> str:
    """Return the last part of a resource name: the id within project and region."""
    return str(resource).rsplit("/", maxsplit=1)[-1]


def state_name(state: Any) -> str:
    """Return the state of a run, task or schedule as one word, for example `running`."""
    name = str(state.name).removeprefix("PIPELINE_STATE_").lower()
    return "cached" if name == "skipped" else name.replace("_", " ")


def leaf_tasks(job: "v1.PipelineJob") -> list["v1.PipelineTaskDetail"]:
    """Return the tasks in order of their start, without the DAGs that contain them."""
    details = job.job_detail.task_details
    parents = {task.parent_task_id for task in details}
    tasks = [task for task in details if task.task_id not in parents]
    return sorted(tasks, key=lambda task: (to_timestamp(task.start_time), task.task_id))


def task_errors(job: "v1.PipelineJob") -> list[tuple[str, str]]:
    """Return the error message of each failed task by name, then that of the run itself."""
    errors = [(task.task_name, task.error.message) for task in leaf_tasks(job)]
    errors.append(("run", job.error.message))
    return [(name, without_secrets(message)) for name, message in errors if message]


def run_seconds(job: "v1.PipelineJob") -> float:
    """Return the seconds from start to end of a run, or until now."""
    return _seconds_between(job.start_time, job.end_time)


def _seconds_between(start: Any, end: Any) -> float:
    if not start:
        return 0.0
    last = to_timestamp(end) or datetime.now(UTC).timestamp()
    return max(0.0, last - to_timestamp(start))


def to_timestamp(time: Any) -> float:
    """Convert a time of the API to seconds since the epoch; 0 if it is not set."""
    return float(time.timestamp()) if time else 0.0


def tasks_table(job: "v1.PipelineJob") -> Table:
    """Build a table with one row per started task."""
    title = f"[bold]Run {short_id(job.name)}: {state_name(job.state)}[/]"
    table = Table("task", "state", "took", right=["took"], title=title)
    for task in leaf_tasks(job):
        seconds = _seconds_between(task.start_time, task.end_time)
        table.add_row(
            safe(task.task_name), styled(state_name(task.state)), format_duration(seconds)
        )
    return table


def print_fields(fields: Mapping[str, Any], console: Console) -> None:
    """Print one aligned line per field."""
    for name, value in fields.items():
        console.print(f"[dim]{name:<10}[/]{safe(value)}", soft_wrap=True)


def styled(state: str) -> str:
    """Return a state with the markup of its color."""
    return f"[{STYLES.get(state, 'default')}]{escape(state)}[/]"


def safe(text: Any) -> str:
    """Make untrusted text printable: no secrets, control characters or markup."""
    return escape(without_secrets(str(text)))
