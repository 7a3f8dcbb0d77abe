"""Vertex's JobService, custom jobs: the worker pool is checked, a test's function runs it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1

from tests.vertex_server.resources import (
    Call,
    Refusal,
    done_operation,
    must_find,
    now,
    page,
    parse,
)

PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/customJobs"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/customJobs/[^/:]+)"
ENDED = {
    v1.JobState.JOB_STATE_SUCCEEDED,
    v1.JobState.JOB_STATE_FAILED,
    v1.JobState.JOB_STATE_CANCELLED,
}
INTERNAL_CODE = 13  # of google.rpc.Code


@dataclass
class CustomJobs:
    """The custom jobs by resource name, and what runs them.

    `on_custom_job` gets each job in a thread of its own. If it returns, the job succeeded; if it
    raises, the job failed with the error's text; it may also set job.state and job.error itself.
    Without it a job succeeds at the second look.
    """

    custom_jobs: dict[str, v1.CustomJob] = field(default_factory=dict)
    on_custom_job: Callable[[v1.CustomJob], None] | None = None
    job_threads: list[threading.Thread] = field(default_factory=list)


def create(server: Any, call: Call, parent: str) -> v1.CustomJob:
    """POST …/customJobs."""
    job = parse(v1.CustomJob, call.body)
    if not job.display_name:
        raise Refusal(400, "display_name is required.")
    if not job.job_spec.worker_pool_specs:
        raise Refusal(400, "worker_pool_specs must not be empty.")
    for pool in job.job_spec.worker_pool_specs:
        if not pool.machine_spec.machine_type:
            raise Refusal(400, "machine_type is required.")
        if not pool.container_spec.image_uri:
            raise Refusal(400, "image_uri is required.")
    job.name = f"{parent}/customJobs/{7000 + len(server.custom_jobs) + 1}"
    job.state = v1.JobState.JOB_STATE_PENDING
    job.create_time = job.update_time = now()
    server.custom_jobs[job.name] = job
    if server.on_custom_job:
        thread = threading.Thread(target=_run, args=(server, job), daemon=True)
        server.job_threads.append(thread)
        thread.start()
    return job


def _run(server: Any, job: v1.CustomJob) -> None:
    job.state, job.start_time = v1.JobState.JOB_STATE_RUNNING, now()
    try:
        server.on_custom_job(job)
    except Exception as error:
        job.error.code, job.error.message = INTERNAL_CODE, f"{type(error).__name__}: {error}"
        job.state = v1.JobState.JOB_STATE_FAILED
    if job.state not in ENDED:
        job.state = v1.JobState.JOB_STATE_SUCCEEDED
    job.end_time = job.update_time = now()


def get(server: Any, call: Call, name: str) -> v1.CustomJob:
    """GET …/customJobs/ID."""
    job = must_find(server.custom_jobs, name)
    if not server.on_custom_job and job.state not in ENDED:
        steps = (
            v1.JobState.JOB_STATE_PENDING,
            v1.JobState.JOB_STATE_RUNNING,
            v1.JobState.JOB_STATE_SUCCEEDED,
        )
        job.state = steps[steps.index(job.state) + 1]
    return job


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/customJobs."""
    kept = [job for n, job in server.custom_jobs.items() if n.startswith(f"{parent}/")]
    return page(kept, call, "customJobs", "int" in call.one("$alt"))


def cancel(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/customJobs/ID:cancel."""
    must_find(server.custom_jobs, name).state = v1.JobState.JOB_STATE_CANCELLED
    return {}


def delete(server: Any, call: Call, name: str) -> dict[str, Any]:
    """DELETE …/customJobs/ID."""
    must_find(server.custom_jobs, name)
    del server.custom_jobs[name]
    return done_operation(name)


ROUTES = (
    ("POST", PARENT, create),
    ("GET", PARENT, list_),
    ("GET", NAME, get),
    ("DELETE", NAME, delete),
    ("POST", NAME + ":cancel", cancel),
)
