"""Start and watch custom jobs of Vertex AI with TFX's client.

TFX's own loop (`tfx/extensions/google_cloud_ai_platform/runner.py`) leaves a job running, and paid
for, when its task is stopped. A retry of the task starts a second job next to the first, and both
write the same checkpoints. So we use TFX's client with a loop of our own
(`components/vertex_trainer/launch.py`). The client hides what we need to list and cancel jobs
behind the private attribute `_client`.
"""

from typing import Any

from google.cloud.aiplatform_v1.types import CustomJob
from tfx.extensions.google_cloud_ai_platform import constants, training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor as tfx_vertex

# Keys of the Trainer's `custom_config`.
ENABLE_VERTEX = constants.ENABLE_VERTEX_KEY
REGION = constants.VERTEX_REGION_KEY
JOB = tfx_vertex.TRAINING_ARGS_KEY


class TrainingJobs:
    """The custom jobs of one project and region."""

    def __init__(self, project: str, region: str) -> None:
        self._project = project
        self._parent = f"projects/{project}/locations/{region}"
        self._client = training_clients.VertexJobClient(region)

    def start(self, job: dict[str, Any]) -> str:
        """Start a job and return its resource name."""
        self._client.launch_job(self._project, job)
        return str(self._client.get_job_name())

    def get(self, name: str) -> CustomJob:
        """Return a job, retrying when the service is temporarily unavailable."""
        retry = training_clients.retries.Retry()
        return self._client._client.get_custom_job(name=name, retry=retry)

    def list(self, label: str, value: str) -> list[CustomJob]:
        """Return all jobs with a label."""
        request = {"parent": self._parent, "filter": f'labels.{label}="{value}"'}
        return list(self._client._client.list_custom_jobs(request=request))

    def cancel(self, name: str) -> None:
        """Ask a job to stop."""
        self._client._client.cancel_custom_job(name=name)
