"""A run's tasks and their states, looked at again and again until the run ends."""

import time
from collections.abc import Callable
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from core.wording import duration
from pipelines.cloud.client import LONG_PATIENCE, SHORT_PATIENCE, Cloud
from pipelines.cloud.errors import without_secrets
from pipelines.exit_codes import CANCELLED, FAILED, SUCCEEDED

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

ENDED = {"succeeded": SUCCEEDED, "failed": FAILED, "cancelled": CANCELLED}
STYLES = {
    "succeeded": "green", "cached": "cyan", "running": "yellow", "failed": "red",
    "cancelled": "magenta", "cancelling": "magenta",
}  # fmt: skip


def state_word(state: Any) -> str:
    """A state of a run, a task or a schedule in a word of ours, as `running`."""
    name = str(state.name).removeprefix("PIPELINE_STATE_").lower()
    return "cached" if name == "skipped" else name.replace("_", " ")


def get_run(cloud: Cloud, name: str, *, patience: float = SHORT_PATIENCE) -> "v1.PipelineJob":
    """A run as Vertex AI knows it now.

    Raises:
        VertexError: there is none, or it may not be read.
    """
    return cloud.call(
        "look at the run",
        lambda: cloud.pipelines.get_pipeline_job(name=name),
        patience=patience,
    )


def watch(cloud: Cloud, name: str, console: Console, *, every_seconds: float) -> "v1.PipelineJob":
    """Shows the tasks' states until the run has ended.

    On a terminal a table is kept up to date; elsewhere each change is a line.

    Raises:
        VertexError: the service did not answer for half an hour.
    """
    if not console.is_terminal:
        return _until_ended(cloud, name, _Lines(console), every_seconds)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        return _until_ended(cloud, name, lambda job: live.update(tasks_table(job)), every_seconds)


def _until_ended(
    cloud: Cloud, name: str, show: Callable[["v1.PipelineJob"], None], every_seconds: float
) -> "v1.PipelineJob":
    while True:
        job = get_run(cloud, name, patience=LONG_PATIENCE)
        show(job)
        if state_word(job.state) in ENDED:
            return job
        time.sleep(every_seconds)


class _Lines:
    """Prints what has changed since the last look."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, str] = {}

    def __call__(self, job: "v1.PipelineJob") -> None:
        now = datetime.now(timezone.utc)
        run = {"run": state_word(job.state)}
        tasks = {task.task_name: state_word(task.state) for task in leaf_tasks(job)}
        states = tasks | run if run["run"] in ENDED else run | tasks  # what is last comes last
        for task, state in states.items():
            if self._known.get(task) != state:
                self._console.print(f"{now:%H:%M:%S} {safe(task)} {styled(state)}", soft_wrap=True)
        self._known = states


def leaf_tasks(job: "v1.PipelineJob") -> list["v1.PipelineTaskDetail"]:
    """The tasks that do something: no DAGs, whose tasks stand for themselves."""
    details = job.job_detail.task_details
    parents = {task.parent_task_id for task in details}
    tasks = [task for task in details if task.task_id not in parents]
    return sorted(tasks, key=lambda task: (seconds_since_epoch(task.start_time), task.task_id))


def tasks_table(job: "v1.PipelineJob") -> Table:
    """A line for each task that has begun."""
    table = Table(box=box.SIMPLE_HEAD, title=f"Run {run_id(job)}: {state_word(job.state)}")
    for name in ("task", "state", "took"):
        table.add_column(name, justify="right" if name == "took" else "left", no_wrap=True)
    for task in leaf_tasks(job):
        took = duration(_seconds(task.start_time, task.end_time))
        table.add_row(safe(task.task_name), styled(state_word(task.state)), took)
    return table


def errors_of(job: "v1.PipelineJob") -> list[tuple[str, str]]:
    """What went wrong: the tasks that failed and their words, then the run's own."""
    tasks = [
        (task.task_name, without_secrets(task.error.message))
        for task in leaf_tasks(job)
        if task.error.message
    ]
    return [*tasks, *([("run", without_secrets(job.error.message))] if job.error.message else [])]


def run_id(job: "v1.PipelineJob") -> str:
    """The id within project and region."""
    return str(job.name.rsplit("/", maxsplit=1)[-1])


def took(job: "v1.PipelineJob") -> float:
    """Seconds from the begin to the end, or to now."""
    return _seconds(job.start_time, job.end_time)


def _seconds(begin: Any, end: Any) -> float:
    if not begin:
        return 0.0
    last = seconds_since_epoch(end) or datetime.now(timezone.utc).timestamp()
    return max(0.0, last - seconds_since_epoch(begin))


def seconds_since_epoch(moment: Any) -> float:
    """A time stamp of the API as seconds; 0 if it is not set."""
    return float(moment.timestamp()) if moment else 0.0


def styled(state: str) -> str:
    """A state in its colour."""
    return f"[{STYLES.get(state, 'default')}]{escape(state)}[/]"


def safe(text: Any) -> str:
    """A stranger's text without control characters and without markup."""
    return escape(without_secrets(str(text)))


def plain(text: Any) -> Text:
    """A stranger's text for a table's cell."""
    return Text(without_secrets(str(text)))
