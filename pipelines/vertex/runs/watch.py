"""Watch a run until it ends, and report how it ended."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Console
from rich.live import Live

from core.exit import SUCCEEDED
from core.format_numbers import format_duration
from pipelines.cloud.client import RETRY_SECONDS, WATCH_RETRY_SECONDS, Cloud
from pipelines.table import print_table
from pipelines.vertex.runs.describe import (
    EXIT_CODES,
    leaf_tasks,
    run_seconds,
    safe,
    short_id,
    state_name,
    styled,
    task_errors,
    tasks_table,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


def watch_and_report(
    cloud: Cloud, job: "v1.PipelineJob", console: Console, poll_seconds: float
) -> int:
    """Wait for the end of a run, report how it ended, and return the exit code."""
    name = short_id(job.name)
    try:
        ended = watch(cloud, job.name, console, poll_seconds=poll_seconds)
    except KeyboardInterrupt:
        console.print(
            f"The run continues. Cancel it with `textmill runs cancel {name}`, or watch it "
            f"again with `textmill runs show {name} --watch`.",
            soft_wrap=True,
        )
        raise
    if console.is_terminal:
        print_table(tasks_table(ended), console)
    return report_end(ended, console)


def watch(cloud: Cloud, name: str, console: Console, *, poll_seconds: float) -> "v1.PipelineJob":
    """Show the states of the tasks until the run has ended.

    A terminal shows a live table; other outputs get a line for each change.
    """
    if not console.is_terminal or console.is_dumb_terminal:  # it cannot draw a table again
        return _poll(cloud, name, _ChangePrinter(console), poll_seconds)
    with Live(console=console, refresh_per_second=4, transient=True) as live:
        return _poll(cloud, name, lambda job: live.update(tasks_table(job)), poll_seconds)


def _poll(
    cloud: Cloud, name: str, show: Callable[["v1.PipelineJob"], None], poll_seconds: float
) -> "v1.PipelineJob":
    while True:
        job = get_run(cloud, name, retry_seconds=WATCH_RETRY_SECONDS)
        show(job)
        if state_name(job.state) in EXIT_CODES:
            return job
        time.sleep(poll_seconds)


def get_run(cloud: Cloud, name: str, *, retry_seconds: float = RETRY_SECONDS) -> "v1.PipelineJob":
    """Get a run by its resource name."""
    return cloud.call(
        "get the run",
        lambda: cloud.pipelines.get_pipeline_job(name=name),
        retry_seconds=retry_seconds,
    )


class _ChangePrinter:
    """Prints the states that changed since the last call."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._printed: dict[str, str] = {}

    def __call__(self, job: "v1.PipelineJob") -> None:
        now = datetime.now(UTC)
        run = {"run": state_name(job.state)}
        tasks = {task.task_name: state_name(task.state) for task in leaf_tasks(job)}
        # A run starts before its tasks and ends after them.
        states = tasks | run if run["run"] in EXIT_CODES else run | tasks
        for task, state in states.items():
            if self._printed.get(task) != state:
                self._console.print(f"{now:%H:%M:%S} {safe(task)} {styled(state)}", soft_wrap=True)
        self._printed = states


def report_end(job: "v1.PipelineJob", console: Console) -> int:
    """Print a run's state, errors and what to do next; return the exit code, 0 if it continues."""
    name, state = short_id(job.name), state_name(job.state)
    counts = Counter(state_name(task.state) for task in leaf_tasks(job))
    tasks = ", ".join(f"{count} {task_state}" for task_state, count in counts.items())
    console.print(
        f"Run {name}: {styled(state)} after {format_duration(run_seconds(job))}"
        f"{f' (tasks: {tasks})' if tasks else ''}",
        soft_wrap=True,
    )
    for task, message in task_errors(job):
        console.print(f"[red]{safe(task)}[/]: {safe(message)}", soft_wrap=True)
    code = EXIT_CODES.get(state, SUCCEEDED)
    if code != SUCCEEDED:
        failed = [t.task_name for t in leaf_tasks(job) if state_name(t.state) == "failed"]
        option = f" --task {safe(failed[0])}" if failed else ""
        console.print(
            f"Read the log with `textmill runs logs {name}{option}`. After the fix, submit again, "
            f"or `textmill runs retry {name}`: finished tasks come from the cache.",
            soft_wrap=True,
        )
    return code
