"""`textmill submit`: a request to a run on Vertex AI, and its way to the end."""

from collections import Counter
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from rich.console import Console

from core.wording import duration
from pipelines.cloud.client import Cloud
from pipelines.cloud.links import run_link
from pipelines.cloud.messages import as_json
from pipelines.cloud.target import Target
from pipelines.exit_codes import SUCCEEDED
from pipelines.vertex.runs.job_request import Order, new_job_id
from pipelines.vertex.runs.watch import (
    ENDED,
    errors_of,
    get_run,
    leaf_tasks,
    run_id,
    safe,
    state_word,
    styled,
    tasks_table,
    took,
    watch,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


def make_request(order: Order, target: Target, job_id: str | None) -> "v1.CreatePipelineJobRequest":
    """The request that starts a run; `job_id` None makes one of name and time."""
    from google.cloud import aiplatform_v1 as v1

    made = new_job_id(order.job.display_name, datetime.now(timezone.utc))
    return v1.CreatePipelineJobRequest(
        parent=target.parent, pipeline_job=order.job, pipeline_job_id=job_id or made
    )


def send(cloud: Cloud, request: "v1.CreatePipelineJobRequest") -> "v1.PipelineJob":
    """Starts the run; tried again where the service is busy, and never started twice.

    Raises:
        VertexError: Vertex AI refused it.
    """
    from google.api_core.exceptions import Conflict

    tries = 0

    def create() -> "v1.PipelineJob":
        nonlocal tries
        tries += 1
        try:
            return cloud.pipelines.create_pipeline_job(request=request)
        except Conflict:
            if tries == 1:
                raise
            # The try before was answered with an error, but had come through: the id is its own.
            name = f"{request.parent}/pipelineJobs/{request.pipeline_job_id}"
            return get_run(cloud, name)

    return cloud.call("submit the run", create)


def print_submitted(cloud: Cloud, job: "v1.PipelineJob", console: Console) -> None:
    """Where the run is, and how it is watched."""
    target, name = cloud.target, run_id(job)
    told = {
        "run": name,
        "place": f"{target.project}, {target.region}",
        "account": job.service_account or "Compute Engine's default service account",
        "artifacts": job.runtime_config.gcs_output_directory,
        "console": run_link(target, name),
        "watch": f"textmill runs show {name} --wait",
    }
    for key, value in told.items():
        console.print(f"[dim]{key:<10}[/]{safe(value)}", soft_wrap=True)


def follow(cloud: Cloud, job: "v1.PipelineJob", console: Console, every_seconds: float) -> int:
    """Waits for the run's end and tells how it went.

    Returns:
        The exit code: 0 succeeded, 1 failed, 3 cancelled.
    """
    try:
        ended = watch(cloud, job.name, console, every_seconds=every_seconds)
    except KeyboardInterrupt:
        console.print(
            f"The run goes on. Cancel it with `textmill runs cancel {run_id(job)}`, or watch it "
            f"again with `textmill runs show {run_id(job)} --wait`.",
            soft_wrap=True,
        )
        raise
    if console.is_terminal:
        console.print(tasks_table(ended))
    return print_outcome(ended, console)


def print_outcome(job: "v1.PipelineJob", console: Console) -> int:
    """How the run ended, with each failed task's error and what to do next; the exit code."""
    state = state_word(job.state)
    counts = Counter(state_word(task.state) for task in leaf_tasks(job))
    tasks = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.print(
        f"Run {run_id(job)}: {styled(state)} after {duration(took(job))}"
        f"{f' (tasks: {tasks})' if tasks else ''}",
        soft_wrap=True,
    )
    for task, words in errors_of(job):
        console.print(f"[red]{safe(task)}[/]: {safe(words)}", soft_wrap=True)
    code = ENDED.get(state, SUCCEEDED)
    if code != SUCCEEDED:
        failed = [t.task_name for t in leaf_tasks(job) if state_word(t.state) == "failed"]
        option = f" --task {safe(failed[0])}" if failed else ""
        console.print(
            f"Its log: `textmill runs logs {run_id(job)}{option}`. Submit again when that is "
            f"mended: what is done comes from the cache.",
            soft_wrap=True,
        )
    return code


def request_json(request: "v1.CreatePipelineJobRequest") -> dict[str, object]:
    """What `--dry-run` prints."""
    return as_json(request)
