"""Run a custom job to its end: one at a time for each run, adopted when its task is retried."""

import hashlib
import json
import logging
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.cloud.aiplatform_v1.types import CustomJob, JobState

from components.tfx_internals.training_jobs import TrainingJobs
from components.vertex_trainer.settings import LaunchSettings
from core.errors import StoppedError, TextmillError
from core.exit import sigterm_raises
from core.provenance import VERTEX_TASK

POLL_SECONDS = 30.0
RUN_LABEL = "textmill_run"  # the attempts of one task share it
CHECKPOINTS_LABEL = "textmill_checkpoints"  # jobs with the same value write the same checkpoints
# Set by Vertex AI in the container of each task: the labels of the run, as JSON
# (cloud.google.com/vertex-ai/docs/pipelines/run-pipeline-labels, looked up 2026-11).
ENDED = {
    JobState.JOB_STATE_SUCCEEDED,
    JobState.JOB_STATE_FAILED,
    JobState.JOB_STATE_CANCELLED,
    JobState.JOB_STATE_EXPIRED,
    JobState.JOB_STATE_PARTIALLY_SUCCEEDED,
}
WAITING = {JobState.JOB_STATE_QUEUED, JobState.JOB_STATE_PENDING}
log = logging.getLogger(__name__)
T = TypeVar("T")


class TrainingJobError(TextmillError):
    """A training job that ended without a model."""


def run_job(project: str, region: str, job: dict[str, Any], settings: LaunchSettings) -> str:
    """Start a custom job, or adopt the one of an earlier attempt, and wait for its end.

    Args:
        project: Google Cloud project of the job.
        region: Vertex AI region of the job.
        job: a CustomJob; its labels name the run and the checkpoints.
        settings: how long to wait for a machine, and through an outage.

    Returns:
        The job's resource name.

    Raises:
        TrainingJobError: the job failed, was cancelled, or found no machine in time; another run
            writes the same checkpoints; or Vertex AI did not answer for too long. In that last
            case the job continues, and a retry of the task adopts it.
        StoppedError: SIGTERM arrived; the job was cancelled.
    """
    job["labels"] = {**json.loads(os.environ.get(VERTEX_TASK) or "{}"), **job["labels"]}
    launcher = _Launcher(TrainingJobs(project, region), job, settings)
    with sigterm_raises():
        try:
            name = launcher.adopt() or launcher.start()
            log.info("Training as %s: %s", name, _console_url(name))
            ended = launcher.wait(name)
        except (StoppedError, KeyboardInterrupt):
            # Found by its label: the signal may arrive before the response with its name.
            launcher.cancel_all()
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


def pipeline_job_label(model_uri: str) -> str:
    """Return the label value that names the pipeline job of a training job."""
    return model_uri.rstrip("/").rsplit("/", 3)[-3][:63]


class _Launcher:
    """The calls to the job service, each repeated through an outage."""

    def __init__(self, jobs: TrainingJobs, job: dict[str, Any], settings: LaunchSettings) -> None:
        self._jobs, self._job, self._settings = jobs, job, settings

    def adopt(self) -> str | None:
        """Return the running job of an earlier attempt that does the same; cancel any other one.

        Raises:
            TrainingJobError: a job of another run writes the same checkpoints.
        """
        own = self._live(RUN_LABEL)
        labels = self._job["labels"]
        for other in self._live(CHECKPOINTS_LABEL) if CHECKPOINTS_LABEL in labels else ():
            if other.labels.get(RUN_LABEL) != labels[RUN_LABEL]:
                raise TrainingJobError(
                    f"Another run trains with the same settings and instances, and would write the "
                    f"same checkpoints: {_console_url(other.name)}. Wait for its end, which lets "
                    f"this run resume from its checkpoint, or cancel it."
                )
        same = [job.name for job in own if _command(job) == _command(CustomJob(**self._job))]
        for name in [job.name for job in own if job.name not in same[:1]]:
            self._cancel(name)
            self.wait(name)
        if not same:
            return None
        log.warning("Adopting %s, which an earlier attempt of this task started", same[0])
        return same[0]

    def start(self) -> str:
        """Start the job; if a response is lost, find the job instead of starting a second one."""

        def find_or_start() -> str:
            live = self._live(RUN_LABEL, once=True)
            return live[0].name if live else self._jobs.start(self._job)

        return self._call("start the training job", find_or_start)

    def wait(self, name: str) -> CustomJob:
        """Return a job when it has ended.

        Raises:
            TrainingJobError: it found no machine in time, and was cancelled.
        """
        state = None
        while True:
            job = self._call("watch the training job", lambda: self._jobs.get(name))
            if job.state != state:
                state = job.state
                log.info("%s: %s", name, JobState(state).name)
            if state in ENDED:
                return job
            limit = timedelta(hours=self._settings.max_wait_hours)
            if state in WAITING and datetime.now(UTC) - job.create_time > limit:
                self._cancel(name)
                raise TrainingJobError(
                    f"The training job got no machine within {self._settings.max_wait_hours:g} "
                    f"hours and was cancelled: {_console_url(name)}. Raise "
                    f"vertex.training.max_wait_hours, or choose another machine, region or "
                    f"provisioning (`textmill machines`)."
                )
            time.sleep(POLL_SECONDS)

    def cancel_all(self) -> None:
        """Cancel the jobs of the run that have not ended."""
        for job in self._live(RUN_LABEL):
            self._cancel(job.name)

    def _cancel(self, name: str) -> None:
        log.warning("Cancelling %s", name)
        self._call("cancel the training job", lambda: self._jobs.cancel(name))

    def _live(self, label: str, *, once: bool = False) -> list[CustomJob]:
        def find() -> list[CustomJob]:
            jobs = self._jobs.list(label, self._job["labels"][label])
            return [job for job in jobs if job.state not in ENDED]

        return find() if once else self._call("list the training jobs", find)

    def _call(self, action: str, function: Callable[[], T]) -> T:
        """Call the service; while it does not answer, connect again, for `outage_minutes`.

        Raises:
            TrainingJobError: it still does not answer.
        """
        deadline = time.monotonic() + self._settings.outage_minutes * 60
        while True:
            try:
                return function()
            except Exception as error:
                if not _is_transient(error):
                    raise
                if time.monotonic() > deadline:
                    raise TrainingJobError(
                        f"Cannot {action}: Vertex AI has not answered for "
                        f"{self._settings.outage_minutes:g} minutes ({type(error).__name__}). The "
                        f"job, if it was started, continues, and a retry of this task adopts it."
                    ) from error
                log.warning("Cannot %s (%s); trying again", action, type(error).__name__)
            time.sleep(POLL_SECONDS)
            self._jobs.reconnect()


def _is_transient(error: Exception) -> bool:
    """Return whether a call may succeed later: the service or the network is down."""
    from google.api_core import exceptions
    from google.auth.exceptions import TransportError
    from requests import RequestException

    busy = (exceptions.ServerError, exceptions.TooManyRequests, exceptions.RetryError)
    return isinstance(error, (*busy, TransportError, RequestException, OSError))


def _command(job: CustomJob) -> list[list[str]]:
    """Return what a job runs, which names the folders that it reads and writes."""
    return [list(pool.container_spec.command) for pool in job.job_spec.worker_pool_specs]


def _console_url(name: str) -> str:
    """Return the address of a job's page in the Google Cloud console."""
    _, project, _, region, _, number = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{region}/training/{number}"
        f"?project={project}"
    )
