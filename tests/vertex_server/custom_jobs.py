"""Serve Vertex AI's custom jobs as JobService does: refuse bad requests, list, page and delete.

`textmill run-spec` has the jobs themselves (pipelines/spec_runner/processes/training_service.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from google.cloud import aiplatform_v1 as v1

from pipelines.spec_runner.processes import training_service as custom_jobs
from tests.vertex_server.resources import Call, Refusal, done_operation, must_find, page, parse

PARENT = r"/v1/(?P<parent>projects/[^/]+/locations/[^/:]+)/customJobs"
NAME = r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/customJobs/[^/:]+)"


@dataclass
class CustomJobs:
    """The custom jobs, and the function that runs each of them.

    Without `on_custom_job`, a job succeeds at the second request for it.
    """

    job_service: custom_jobs.CustomJobs = field(default_factory=custom_jobs.CustomJobs)

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
    return server.job_service.create(parent, job)


def get(server: Any, call: Call, name: str) -> v1.CustomJob:
    """GET …/customJobs/ID."""
    job = must_find(server.custom_jobs, name)
    if not server.on_custom_job and job.state not in custom_jobs.ENDED:
        steps = (custom_jobs.PENDING, custom_jobs.RUNNING, custom_jobs.SUCCEEDED)
        job.state = steps[steps.index(job.state) + 1]
    return job


def list_(server: Any, call: Call, parent: str) -> dict[str, Any]:
    """GET …/customJobs."""
    jobs = [job for name, job in server.custom_jobs.items() if name.startswith(f"{parent}/")]
    return page(jobs, call, "customJobs", "int" in call.one("$alt"))


def cancel(server: Any, call: Call, name: str) -> dict[str, Any]:
    """POST …/customJobs/ID:cancel."""
    must_find(server.custom_jobs, name)
    server.job_service.cancel(name)
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
