"""List, find, show and cancel runs on Vertex AI."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console

from core.errors import InputError
from core.format_numbers import format_duration, format_moment
from pipelines.cloud.client import Cloud, message_to_json, resource_name
from pipelines.table import Table, print_table
from pipelines.vertex.runs.describe import (
    DEFAULT_ACCOUNT,
    EXIT_CODES,
    leaf_tasks,
    print_fields,
    run_seconds,
    safe,
    short_id,
    state_name,
    styled,
    tasks_table,
    to_timestamp,
)
from pipelines.vertex.runs.pipeline_job import RECIPE_LABEL, TARGET_PARAMETERS
from pipelines.vertex.runs.training import TrainingCost
from pipelines.vertex.runs.watch import get_run

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

STATES = ("queued", "pending", "running", "succeeded", "failed", "cancelling", "cancelled")
# Fields that a list needs; without this mask every run comes with its whole spec.
READ_MASK = (
    "name",
    "display_name",
    "state",
    "create_time",
    "start_time",
    "end_time",
    "labels",
    "schedule_name",
    "error",
)


def list_runs(
    cloud: Cloud,
    *,
    limit: int,
    states: Sequence[str] = (),
    recipe: str | None = None,
    schedule: str | None = None,
    all_pipelines: bool = False,
) -> list["v1.PipelineJob"]:
    """List runs, newest first.

    Without `all_pipelines`, runs that Textmill did not submit are left out.

    Raises:
        InputError: a state does not exist.
        VertexError: you may not list the runs.
    """
    from itertools import islice

    from google.cloud import aiplatform_v1 as v1
    from google.protobuf.field_mask_pb2 import FieldMask

    conditions = [f'labels.{RECIPE_LABEL}="{recipe}"'] if recipe else []
    if not recipe and not all_pipelines:
        conditions.append(f"labels.{RECIPE_LABEL}:*")
    if states:
        conditions.append(_state_condition(states))
    request = v1.ListPipelineJobsRequest(
        parent=cloud.target.parent,
        filter=" AND ".join(conditions),
        order_by="create_time desc",
        page_size=100 if schedule else min(limit, 100),
        read_mask=FieldMask(paths=READ_MASK),
    )

    def read() -> list["v1.PipelineJob"]:
        jobs = cloud.pipelines.list_pipeline_jobs(request=request)
        # No filter on it is documented (aiplatform_v1's ListPipelineJobsRequest).
        chosen = (job for job in jobs if schedule in (None, job.schedule_name))
        return list(islice(chosen, limit))

    return cloud.call("list the runs", read)


def _state_condition(states: Sequence[str]) -> str:
    for state in states:
        if state not in STATES:
            raise InputError(f"--state {state}: not one of {', '.join(STATES)}.")
    either = " OR ".join(f'state="PIPELINE_STATE_{state.upper()}"' for state in states)
    return f"({either})" if len(states) > 1 else either


def find_run(cloud: Cloud, name: str) -> str:
    """Return the resource name of a run, given its id, its resource name, or `latest`.

    Raises:
        InputError: there is no latest run, or the name belongs to another project or region.
    """
    if name != "latest":
        return resource_name(cloud.target, "pipelineJobs", name)
    jobs = list_runs(cloud, limit=1)
    if not jobs:
        place = f"{cloud.target.project}, {cloud.target.region}"
        raise InputError(f"There is no run in {place}. `textmill submit` starts one.")
    return str(jobs[0].name)


def cancel_run(cloud: Cloud, name: str) -> None:
    """Request the cancellation of a run; stopping its tasks takes a minute or two.

    Raises:
        InputError: the run has ended already.
        VertexError: you may not cancel it.
    """
    job = get_run(cloud, name)
    state = state_name(job.state)
    if state in EXIT_CODES:
        raise InputError(f"The run {short_id(name)} has ended already: {state}.")
    cloud.call("cancel the run", lambda: cloud.pipelines.cancel_pipeline_job(name=name))


def run_row(job: "v1.PipelineJob") -> dict[str, Any]:
    """Return the summary of a run that `textmill runs list --json` prints."""
    return {
        "run": short_id(job.name),
        "pipeline": job.display_name,
        "state": state_name(job.state),
        "created": job.create_time.isoformat() if job.create_time else None,
        "seconds": round(run_seconds(job), 1),
        "schedule": job.schedule_name or None,
        "labels": dict(job.labels),
        "error": job.error.message or None,
    }


def print_runs(jobs: Sequence["v1.PipelineJob"], console: Console) -> None:
    """Print a table with one row per run."""
    if not jobs:
        console.print("No runs. `textmill submit` starts one.")
        return
    names = ("run", "pipeline", "state", "created (UTC)", "took", "started by")
    table = Table(*names, right=["took"], wraps=True)
    for job in jobs:
        table.add_row(
            safe(short_id(job.name)),
            safe(job.display_name),
            styled(state_name(job.state)),
            format_moment(to_timestamp(job.create_time)),
            format_duration(run_seconds(job)) if job.start_time else "",
            "schedule" if job.schedule_name else "hand",
        )
    print_table(table, console)


def print_run(
    cloud: Cloud, job: "v1.PipelineJob", console: Console, cost: TrainingCost | None = None
) -> None:
    """Print a run with its parameters, what its training costs, and the started tasks."""
    fields: dict[str, Any] = {
        "pipeline": job.display_name,
        "created": f"{format_moment(to_timestamp(job.create_time))} UTC",
        "account": job.service_account or DEFAULT_ACCOUNT,
        "artifacts": job.runtime_config.gcs_output_directory,
        "console": cloud.target.console_link("runs", short_id(job.name)),
    }
    if job.schedule_name:
        fields["schedule"] = short_id(job.schedule_name)
    if parameters := format_parameters(job):
        fields["params"] = parameters
    if cost:
        fields |= {"training": cost.describe(), **cost.links}
    print_fields(fields, console)
    if leaf_tasks(job):
        print_table(tasks_table(job), console)


def format_parameters(job: "v1.PipelineJob") -> str:
    """Format the parameters of a submission, without those that only say where it runs."""
    values = message_to_json(job).get("runtimeConfig", {}).get("parameterValues", {})
    return ", ".join(
        f"{name}={value}" for name, value in sorted(values.items()) if name not in TARGET_PARAMETERS
    )
