"""Serve Vertex AI's custom jobs as JobService does: refuse bad requests, list, page and delete.

`textmill run-spec` has the jobs themselves (pipelines/spec_runner/processes/training_service.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1

from pipelines.spec_runner.processes import training_service as custom_jobs
from tests.vertex_server.documented import check_machine
from tests.vertex_server.resources import (
    Call,
    Refusal,
    must_find,
    must_match,
    page,
    parse,
    start_operation,
)

CANCELLING = v1.JobState.JOB_STATE_CANCELLING
PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/customJobs"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/customJobs/[^/:]+)"


@dataclass
class CustomJobs:
    """The custom jobs, and the function that runs each of them.

    Without `on_custom_job`, a job succeeds at the second request for it.
    """

    job_service: custom_jobs.CustomJobs = field(default_factory=custom_jobs.CustomJobs)
    has_machines: bool = True  # otherwise, jobs stay pending

    @property
    def custom_jobs(self) -> dict[str, v1.CustomJob]:
        """The jobs by resource name."""
        return self.job_service.jobs

    @property
    def on_custom_job(self) -> Callable[[v1.CustomJob], None] | None:
        """The function that runs each job in a thread."""
        return self.job_service.run_job

    @on_custom_job.setter
    def on_custom_job(self, run_job: Callable[[v1.CustomJob], None] | None) -> None:
        self.job_service.run_job = run_job


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
        check_machine(pool.machine_spec, job.job_spec.scheduling.strategy)
    for key, value in job.labels.items():
        must_match(r"[a-z][a-z0-9_-]{0,62}", key, "label key")
        must_match(r"[a-z0-9_-]{0,63}", value, "label value")
    if job.job_spec.network:
        must_match(r"projects/\d+/global/networks/[a-z0-9-]+", job.job_spec.network, "network")
    return server.job_service.create(parent, job)


def get(server: Any, call: Call, name: str) -> v1.CustomJob:
    """GET …/customJobs/ID."""
    job = must_find(server.custom_jobs, name)
    if job.state == CANCELLING:
        server.job_service.cancel(name)
    elif server.has_machines and not server.on_custom_job and job.state not in custom_jobs.ENDED:
        steps = (custom_jobs.PENDING, custom_jobs.RUNNING, custom_jobs.SUCCEEDED)
        job.state = steps[steps.index(job.state) + 1]
    return job


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/customJobs."""
    jobs = [job for name, job in server.custom_jobs.items() if name.startswith(f"{parent}/")]
    return page(jobs, call, "customJobs", "int" in call.one("$alt"))


def cancel(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/customJobs/ID:cancel; the job has ended when it is asked for the next time.

    Assumption: to cancel a job that has ended is no error.
    """
    job = must_find(server.custom_jobs, name)
    if server.on_custom_job:  # its function notices, and stops
        server.job_service.cancel(name)
    elif job.state not in custom_jobs.ENDED:
        job.state = CANCELLING
    return {}


def delete(server: Any, call: Call, name: str) -> dict[str, Any]:
    """DELETE …/customJobs/ID."""
    must_find(server.custom_jobs, name)
    del server.custom_jobs[name]
    return start_operation(server, name)


ROUTES = (
    ("POST", PARENT, create),
    ("GET", PARENT, list_),
    ("GET", NAME, get),
    ("DELETE", NAME, delete),
    ("POST", NAME + ":cancel", cancel),
)
