"""Runs on Vertex AI: found, listed, shown, cancelled."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from core.errors import InputError
from core.wording import duration, moment
from pipelines.cloud.client import Cloud, resource_name
from pipelines.cloud.links import run_link
from pipelines.cloud.messages import as_json
from pipelines.vertex.runs.job_request import LABEL, PLACE_PARAMETERS
from pipelines.vertex.runs.watch import (
    ENDED,
    get_run,
    leaf_tasks,
    run_id,
    safe,
    seconds_since_epoch,
    state_word,
    styled,
    tasks_table,
    took,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

STATES = ("queued", "pending", "running", "succeeded", "failed", "cancelling", "cancelled")
# What a list needs; without it the whole spec comes with each run.
READ_MASK = (
    "name", "display_name", "state", "create_time", "start_time", "end_time", "labels",
    "schedule_name", "error",
)  # fmt: skip


def list_runs(
    cloud: Cloud,
    *,
    most: int,
    states: Sequence[str] = (),
    recipe: str | None = None,
    schedule: str | None = None,
    all_pipelines: bool = False,
) -> list["v1.PipelineJob"]:
    """Runs, newest first.

    Args:
        cloud: project and region.
        most: at most so many.
        states: only these, as "failed".
        recipe: only this pipeline's.
        schedule: only those that the schedule of this resource name began.
        all_pipelines: also runs that Textmill did not submit.

    Raises:
        InputError: no such state.
        VertexError: the list may not be read.
    """
    from itertools import islice

    from google.cloud import aiplatform_v1 as v1
    from google.protobuf.field_mask_pb2 import FieldMask

    parts = [f'labels.{LABEL}="{recipe}"'] if recipe else []
    if not recipe and not all_pipelines:
        parts.append(f"labels.{LABEL}:*")
    if states:
        parts.append(_of_states(states))
    if schedule:
        parts.append(f'schedule_name="{schedule}"')
    request = v1.ListPipelineJobsRequest(
        parent=cloud.target.parent,
        filter=" AND ".join(parts),
        order_by="create_time desc",
        page_size=min(most, 100),
        read_mask=FieldMask(paths=READ_MASK),
    )
    return cloud.call(
        "list the runs",
        lambda: list(islice(cloud.pipelines.list_pipeline_jobs(request=request), most)),
    )


def _of_states(states: Sequence[str]) -> str:
    for state in states:
        if state not in STATES:
            raise InputError(f"--state {state}: none of {', '.join(STATES)}.")
    either = " OR ".join(f'state="PIPELINE_STATE_{state.upper()}"' for state in states)
    return f"({either})" if len(states) > 1 else either


def find_run(cloud: Cloud, name: str) -> str:
    """A run's resource name, from its id, its resource name, or `latest`.

    Raises:
        InputError: `latest`, and there is none; or the name is of another place.
    """
    if name != "latest":
        return resource_name(cloud.target, "pipelineJobs", name)
    found = list_runs(cloud, most=1)
    if not found:
        place = f"{cloud.target.project}, {cloud.target.region}"
        raise InputError(f"There is no run in {place}. `textmill submit` starts one.")
    return str(found[0].name)


def cancel_run(cloud: Cloud, name: str) -> None:
    """Asks for the end of a run; tasks at work are stopped, which takes a minute or two.

    Raises:
        InputError: it has ended already.
        VertexError: it may not be cancelled.
    """
    job = get_run(cloud, name)
    state = state_word(job.state)
    if state in ENDED:
        raise InputError(f"The run {run_id(job)} has ended already: {state}.")
    cloud.call("cancel the run", lambda: cloud.pipelines.cancel_pipeline_job(name=name))


def run_row(job: "v1.PipelineJob") -> dict[str, Any]:
    """What a list tells of a run, for programs."""
    return {
        "run": run_id(job),
        "pipeline": job.display_name,
        "state": state_word(job.state),
        "created": job.create_time.isoformat() if job.create_time else None,
        "seconds": round(took(job), 1),
        "schedule": job.schedule_name or None,
        "labels": dict(job.labels),
        "error": job.error.message or None,
    }


def given_values(job: "v1.PipelineJob") -> str:
    """The parameters that the submission gave, but for those that name the place."""
    values = as_json(job).get("runtimeConfig", {}).get("parameterValues", {})
    named = {name: value for name, value in sorted(values.items()) if name not in PLACE_PARAMETERS}
    return ", ".join(f"{name}={value}" for name, value in named.items())


def print_runs(jobs: Sequence["v1.PipelineJob"], console: Console) -> None:
    """A line for each run."""
    if not jobs:
        console.print("No runs. `textmill submit` starts one.")
        return
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("run", "pipeline", "state", "created (UTC)", "took", "by"):
        table.add_column(name, no_wrap=True, justify="right" if name == "took" else "left")
    for job in jobs:
        table.add_row(
            safe(run_id(job)),
            safe(job.display_name),
            styled(state_word(job.state)),
            moment(seconds_since_epoch(job.create_time)),
            duration(took(job)) if job.start_time else "",
            "schedule" if job.schedule_name else "hand",
        )
    console.print(table)


def print_run(cloud: Cloud, job: "v1.PipelineJob", console: Console) -> None:
    """A run with its parameters and the tasks that have begun."""
    told: dict[str, Any] = {
        "pipeline": job.display_name,
        "created": f"{moment(seconds_since_epoch(job.create_time))} UTC",
        "account": job.service_account or "Compute Engine's default service account",
        "artifacts": job.runtime_config.gcs_output_directory,
        "console": run_link(cloud.target, run_id(job)),
    }
    if job.schedule_name:
        told["schedule"] = job.schedule_name.rsplit("/", maxsplit=1)[-1]
    if given := given_values(job):
        told["given"] = given
    for key, value in told.items():
        console.print(f"[dim]{key:<10}[/]{safe(value)}", soft_wrap=True)
    if leaf_tasks(job):
        console.print(tasks_table(job))
