"""Hold the custom jobs of Vertex AI's JobService, and run each of them in a thread.

Both `textmill run-spec` and the tests' Vertex server serve these jobs to Google's own client.
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

CustomJob = Any  # google.cloud.aiplatform_v1.CustomJob, which takes seconds to import

# google.cloud.aiplatform_v1.JobState
PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = 2, 3, 4, 5, 7
ENDED = (SUCCEEDED, FAILED, CANCELLED)
INTERNAL = 13  # google.rpc.Code


class CustomJobs:
    """Custom jobs by resource name.

    Args:
        run_job: runs one job. If it returns, the job succeeded; if it raises, the job failed with
            the error's text. It may also set the job's state and error itself. None: jobs stay
            pending.
    """

    def __init__(self, run_job: Callable[[CustomJob], None] | None = None) -> None:
        self.run_job = run_job
        self.jobs: dict[str, CustomJob] = {}
        self._created = 0

    def create(self, parent: str, job: CustomJob) -> CustomJob:
        """Name a job and start it."""
        self._created += 1
        job.name = f"{parent}/customJobs/{self._created}"
        job.state = RUNNING if self.run_job else PENDING
        job.create_time = job.update_time = _now()
        self.jobs[job.name] = job
        if self.run_job:
            threading.Thread(target=self._run, args=(self.run_job, job), daemon=True).start()
        return job

    def cancel(self, name: str) -> None:
        """Mark a job as cancelled, unless it has ended; its runner then stops it."""
        if self.jobs[name].state not in ENDED:
            self.jobs[name].state = CANCELLED

    def _run(self, run_job: Callable[[CustomJob], None], job: CustomJob) -> None:
        job.start_time = _now()
        try:
            run_job(job)
        except Exception as error:  # reported to the client, as Vertex AI does
            job.error.code, job.error.message = INTERNAL, f"{type(error).__name__}: {error}"
            job.state = FAILED
        if job.state not in ENDED:
            job.state = SUCCEEDED
        job.end_time = job.update_time = _now()


def _now() -> datetime:
    return datetime.now(UTC)
