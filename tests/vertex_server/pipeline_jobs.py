"""Emulate pipeline jobs: check them like the service, and run them as the tests specify."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1
from google.protobuf import json_format

from tests.vertex_server.resources import (
    Call,
    Refusal,
    dump,
    must_find,
    must_match,
    now,
    page,
    parse,
    start_operation,
)

PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/pipelineJobs"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/pipelineJobs/[^/:]+)"
ENDED = {
    v1.PipelineState.PIPELINE_STATE_SUCCEEDED,
    v1.PipelineState.PIPELINE_STATE_FAILED,
    v1.PipelineState.PIPELINE_STATE_CANCELLED,
}
TaskState = v1.PipelineTaskDetail.State
CANCELLED_CODE, FAILED_CODE = 1, 9  # of google.rpc.Code


@dataclass
class PipelineJobs:
    """The jobs by resource name, and how they proceed."""

    pipeline_jobs: dict[str, v1.PipelineJob] = field(default_factory=dict)
    failing_tasks: dict[str, str] = field(default_factory=dict)  # task to its error
    cached_tasks: set[str] = field(default_factory=set)
    runs_jobs: bool = True  # each request for a job advances it by one step
    on_pipeline_job: Callable[[v1.PipelineJob], None] | None = None  # called with each new job
    progress: dict[str, Iterator[None]] = field(default_factory=dict)


def create(server: Any, call: Call, parent: str) -> v1.PipelineJob:
    """POST …/pipelineJobs?pipelineJobId=…."""
    return start_job(server, parent, call.body, call.one("pipelineJobId", "pipeline_job_id"))


def start_job(server: Any, parent: str, body: Any, job_id: str, schedule: str = "") -> Any:
    """Check a job like the service, and store it. Assumption: the name of its context."""
    job = parse(v1.PipelineJob, body)
    job_id = job_id or f"job-{len(server.pipeline_jobs) + 1}"
    must_match("[a-z0-9][a-z0-9-]{0,127}", job_id, "pipeline job ID")
    name = f"{parent}/pipelineJobs/{job_id}"
    if name in server.pipeline_jobs:
        raise Refusal(409, f"Resource '{name}' already exists.")
    check_job(job)
    job.name, job.state = name, v1.PipelineState.PIPELINE_STATE_PENDING
    job.create_time = job.update_time = now()
    job.schedule_name = schedule
    store = f"{parent}/metadataStores/default"
    job.job_detail.pipeline_run_context.name = f"{store}/contexts/{job_id}"
    server.pipeline_jobs[name] = job
    server.progress[name] = _run(server, job)
    if server.on_pipeline_job:
        server.on_pipeline_job(job)
    return job


def check_job(job: v1.PipelineJob) -> None:
    """Refuse an invalid spec, wrong parameters and invalid labels, like the service."""
    from kfp.pipeline_spec.pipeline_spec_pb2 import PipelineSpec

    spec = dump(job).get("pipelineSpec", {})
    try:
        json_format.ParseDict(spec, PipelineSpec())
    except json_format.ParseError as error:
        raise Refusal(400, f"Failed to parse the pipeline spec: {error}") from error
    known = spec.get("root", {}).get("inputDefinitions", {}).get("parameters", {})
    values = job.runtime_config.parameter_values
    for name in values:
        if name not in known:
            raise Refusal(400, f"Input parameter {name} is not defined in the pipeline.")
    for name, definition in known.items():
        needs = "defaultValue" not in definition and not definition.get("isOptional")
        if needs and name not in values:
            raise Refusal(400, f"Required input parameter {name} is missing.")
        if name in values:
            _check_type(name, definition["parameterType"], values[name])
    root = job.runtime_config.gcs_output_directory or spec.get("defaultPipelineRoot", "")
    if not root.startswith("gs://"):
        raise Refusal(400, "gcs_output_directory must be a Cloud Storage path.")
    for key, value in job.labels.items():
        must_match(r"[a-z][a-z0-9_-]{0,62}", key, "label key")
        must_match(r"[a-z0-9_-]{0,63}", value, "label value")


def _check_type(name: str, kind: str, value: Any) -> None:
    fits = {
        "STRING": isinstance(value, str),
        "NUMBER_INTEGER": isinstance(value, float) and value == int(value),
        "NUMBER_DOUBLE": isinstance(value, float),
        "BOOLEAN": isinstance(value, bool),
    }
    if not fits.get(kind, True):
        raise Refusal(400, f"Input parameter {name} must be a {kind}.")


def get(server: Any, call: Call, name: str) -> v1.PipelineJob:
    """GET …/pipelineJobs/ID; advances the job by one step first."""
    job = must_find(server.pipeline_jobs, name)
    if server.runs_jobs:
        next(server.progress[name], None)
    return job


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/pipelineJobs?filter=…."""
    jobs = [j for n, j in server.pipeline_jobs.items() if n.startswith(f"{parent}/")]
    return page(jobs, call, "pipelineJobs", "int" in call.one("$alt"))


def cancel(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/pipelineJobs/ID:cancel. Assumption: a job that has ended is refused."""
    job = must_find(server.pipeline_jobs, name)
    if job.state in ENDED:
        raise Refusal(400, f"The PipelineJob {name!r} is not in a state that can be canceled.",
                      status="FAILED_PRECONDITION")  # fmt: skip
    job.state = v1.PipelineState.PIPELINE_STATE_CANCELLING
    server.progress[name] = _cancel(job)
    return {}


def delete(server: Any, call: Call, name: str) -> dict[str, Any]:
    """DELETE …/pipelineJobs/ID."""
    must_find(server.pipeline_jobs, name)
    del server.pipeline_jobs[name]
    return start_operation(server, name)


def _run(server: Any, job: v1.PipelineJob) -> Iterator[None]:
    """Advance a job step by step: pending, running, each task, ended."""
    yield
    job.state, job.start_time = v1.PipelineState.PIPELINE_STATE_RUNNING, now()
    spec = dump(job)["pipelineSpec"]
    failed: list[str] = []
    yield from _run_dag(server, job, spec, spec["root"]["dag"], 0, failed)
    if failed:
        _fail(job, failed[0])
    else:
        job.state = v1.PipelineState.PIPELINE_STATE_SUCCEEDED
    job.end_time = job.update_time = now()


def _run_dag(
    server: Any, job: v1.PipelineJob, spec: Any, dag: Any, parent: int, failed: list[str]
) -> Iterator[None]:
    """Run the tasks of a DAG in order; after a failure, only those that always run."""
    details = job.job_detail.task_details
    for name, task in _in_order(dag["tasks"]):
        always = task.get("triggerPolicy", {}).get("strategy") == "ALL_UPSTREAM_TASKS_COMPLETED"
        if failed and not always:
            continue
        details.append(
            v1.PipelineTaskDetail(
                task_id=len(details) + 1,
                parent_task_id=parent,
                task_name=name,
                state=TaskState.RUNNING,
                start_time=now(),
            )
        )
        detail = details[-1]
        job.update_time = now()
        inner = spec.get("components", {}).get(task["componentRef"]["name"], {}).get("dag")
        if inner:
            yield from _run_dag(server, job, spec, inner, detail.task_id, failed)
        else:
            yield
        detail.end_time = now()
        detail.state = TaskState.SUCCEEDED
        if name in server.failing_tasks:
            detail.error.code, detail.error.message = FAILED_CODE, server.failing_tasks[name]
            failed.append(name)
        if name in server.failing_tasks or (inner and failed):
            detail.state = TaskState.FAILED
        elif name in server.cached_tasks:
            detail.state = TaskState.SKIPPED


def _fail(job: v1.PipelineJob, task_name: str) -> None:
    job.state = v1.PipelineState.PIPELINE_STATE_FAILED
    job.error.code = FAILED_CODE
    project = job.name.split("/")[1]
    job.error.message = (
        f"The DAG failed because some tasks failed. The failed tasks are: [{task_name}].; "
        f"Job (project_id = {project}, job_id = {job.name.rsplit('/')[-1]}) is failed due to the "
        f"above error."
    )


def _cancel(job: v1.PipelineJob) -> Iterator[None]:
    yield
    job.state, job.end_time = v1.PipelineState.PIPELINE_STATE_CANCELLED, now()
    job.error.code, job.error.message = CANCELLED_CODE, "The PipelineJob was cancelled."
    for task in job.job_detail.task_details:
        if task.state == TaskState.RUNNING:
            task.state, task.end_time = TaskState.CANCELLED, now()
    yield


def _in_order(tasks: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Yield the tasks, each after those that it depends on."""
    done: set[str] = set()
    while len(done) < len(tasks):
        ready = [
            name
            for name, task in sorted(tasks.items())
            if name not in done and set(task.get("dependentTasks", ())) <= done
        ]
        if not ready:
            raise Refusal(400, "The pipeline has a circular dependency.")
        done |= set(ready)
        yield from ((name, tasks[name]) for name in ready)


ROUTES = (
    ("POST", PARENT, create),
    ("GET", PARENT, list_),
    ("GET", NAME, get),
    ("DELETE", NAME, delete),
    ("POST", NAME + ":cancel", cancel),
)
