"""Run a custom job to its end: one job at a time for each run, cancelled when its task stops."""

import hashlib
import json
import logging
import time
from typing import Any

from google.cloud.aiplatform_v1.types import CustomJob, JobState

from components.tfx_internals.training_jobs import TrainingJobs
from core.errors import TextmillError
from core.signals import sigterm_raises

POLL_SECONDS = 30.0
RUN_LABEL = "textmill_run"
ENDED = {
    JobState.JOB_STATE_SUCCEEDED,
    JobState.JOB_STATE_FAILED,
    JobState.JOB_STATE_CANCELLED,
    JobState.JOB_STATE_EXPIRED,
    JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
}
log = logging.getLogger(__name__)


class TrainingJobError(TextmillError):
    """A training job that ended without a model."""


def run_job(project: str, region: str, job: dict[str, Any]) -> str:
    """Start a custom job and wait for its end.

    Args:
        project: Google Cloud project of the job.
        region: Vertex AI region of the job.
        job: a CustomJob; its label `textmill_run` names the run that it belongs to.

    Returns:
        The job's resource name.

    Raises:
        TrainingJobError: the job failed or was cancelled.
        StoppedError: SIGTERM arrived; the job was cancelled.
    """
    jobs, label = TrainingJobs(project, region), job["labels"][RUN_LABEL]
    with sigterm_raises():
        for earlier in _cancel_all(jobs, label):  # left by an earlier attempt of this task
            _wait(jobs, earlier)
        try:
            name = jobs.start(job)
            log.info("Training as %s: %s", name, _console_url(name))
            ended = _wait(jobs, name)
        except BaseException:
            # Found by its label: the signal may arrive before the response with its name.
            _cancel_all(jobs, label)
            raise
    if ended.state != JobState.JOB_STATE_SUCCEEDED:
        state = JobState(ended.state).name.removeprefix("JOB_STATE_").lower()
        reason = f" ({ended.error.message.strip()})" if ended.error.message else ""
        raise TrainingJobError(
            f"The training job {state}{reason}. Its log: {_console_url(name)}. A retry continues "
            f"from the last checkpoint."
        )
    return name


def run_label(settings: str, model_uri: str) -> str:
    """Return a label value that identifies a run and stays the same when its task is retried.

    Args:
        settings: the training settings as JSON.
        model_uri: …/<pipeline job>/<task>/model, the form of Vertex AI's output folders.
    """
    pipeline_job = model_uri.rstrip("/").rsplit("/", 2)[0]
    return hashlib.sha256(json.dumps([pipeline_job, settings]).encode()).hexdigest()[:20]


def _cancel_all(jobs: TrainingJobs, label: str) -> list[str]:
    """Cancel the jobs of a run that have not ended, and return their names."""
    names = [job.name for job in jobs.list(RUN_LABEL, label) if job.state not in ENDED]
    for name in names:
        log.warning("Cancelling %s: its task no longer waits for it", name)
        jobs.cancel(name)
    return names


def _wait(jobs: TrainingJobs, name: str) -> CustomJob:
    state = None
    while True:
        job = jobs.get(name)
        if job.state != state:
            state = job.state
            log.info("%s: %s", name, JobState(state).name)
        if state in ENDED:
            return job
        time.sleep(POLL_SECONDS)


def _console_url(name: str) -> str:
    """Return the address of a job's page in the Google Cloud console."""
    _, project, _, region, _, number = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{region}/training/{number}"
        f"?project={project}"
    )
