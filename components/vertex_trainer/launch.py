"""A custom job to its end: one at a time for a run, cancelled when nobody waits for it any more.

TFX's own loop (tfx/extensions/google_cloud_ai_platform/runner.py) leaves the job running, and paid
for, when the task that waits for it is stopped; tried again, it starts a second one beside the
first, and both write the same checkpoints.
"""

import hashlib
import json
import logging
import time
from typing import Any

from google.cloud.aiplatform_v1.types import CustomJob, JobState
from tfx.extensions.google_cloud_ai_platform import training_clients

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
    """The training ended without a model."""


def run_job(project: str, region: str, job: dict[str, Any]) -> str:
    """Starts a custom job and waits for its end.

    Args:
        project: it runs in.
        region: it runs in.
        job: a CustomJob; its label `textmill_run` names the run that it belongs to.

    Returns:
        The job's resource name.

    Raises:
        TrainingJobError: it failed or was cancelled.
        StoppedError: SIGTERM came; the job was cancelled.
    """
    client = training_clients.VertexJobClient(region)
    parent, label = f"projects/{project}/locations/{region}", job["labels"][RUN_LABEL]
    with sigterm_raises():
        for earlier in _cancel_all(client, parent, label):  # left by a try of this task before us
            _wait(client, earlier)
        try:
            client.launch_job(project, job)
            name = client.get_job_name()
            log.info("Training as %s: %s", name, _console(name))
            ended = _wait(client, name)
        except BaseException:
            # By its label: the signal may come before the answer that says the name.
            _cancel_all(client, parent, label)
            raise
    if ended.state != JobState.JOB_STATE_SUCCEEDED:
        state = JobState(ended.state).name.removeprefix("JOB_STATE_").lower()
        reason = f" ({ended.error.message.strip()})" if ended.error.message else ""
        raise TrainingJobError(
            f"The training job {state}{reason}. Its log: {_console(name)}. Tried again, training "
            f"goes on from its last checkpoint."
        )
    return name


def run_label(settings: str, model_uri: str) -> str:
    """Names a run, the same when its task is tried again; fit for a label.

    Args:
        settings: of the training.
        model_uri: …/<pipeline job>/<task>/model, as Vertex AI names outputs.
    """
    pipeline_job = model_uri.rstrip("/").rsplit("/", 2)[0]
    return hashlib.sha256(json.dumps([pipeline_job, settings]).encode()).hexdigest()[:20]


def _cancel_all(client: Any, parent: str, label: str) -> list[str]:
    """Cancels the jobs of a run that have not ended; returns their names."""
    found = client._client.list_custom_jobs(
        request={"parent": parent, "filter": f'labels.{RUN_LABEL}="{label}"'}
    )
    names = [job.name for job in found if job.state not in ENDED]
    for name in names:
        log.warning("Cancelling %s: nobody waits for it any more", name)
        client._client.cancel_custom_job(name=name)
    return names


def _wait(client: Any, name: str) -> CustomJob:
    state = None
    while True:
        job = client._client.get_custom_job(name=name, retry=training_clients.retries.Retry())
        if job.state != state:
            state = job.state
            log.info("%s: %s", name, JobState(state).name)
        if state in ENDED:
            return job
        time.sleep(POLL_SECONDS)


def _console(name: str) -> str:
    """The page of a job in the console."""
    _, project, _, region, _, number = name.split("/")
    return (
        f"https://console.cloud.google.com/vertex-ai/locations/{region}/training/{number}"
        f"?project={project}"
    )
