"""Start and watch custom jobs of Vertex AI with TFX's client.

TFX's own loop (`tfx/extensions/google_cloud_ai_platform/runner.py`) leaves a job running, and paid
for, when its task is stopped. A retry of the task starts a second job next to the first, and both
write the same checkpoints. So we use TFX's client with a loop of our own
(`components/vertex_trainer/launch.py`). The client hides what we need to list and cancel jobs
behind the private attribute `_client`. It sets no deadline, so each of our calls does.
"""

from typing import Any

from google.cloud.aiplatform_v1.types import CustomJob
from tfx.extensions.google_cloud_ai_platform import constants, training_clients
from tfx.extensions.google_cloud_ai_platform.trainer import executor as tfx_vertex

# Keys of the Trainer's `custom_config`.
ENABLE_VERTEX = constants.ENABLE_VERTEX_KEY
REGION = constants.VERTEX_REGION_KEY
JOB = tfx_vertex.TRAINING_ARGS_KEY
TIMEOUT_SECONDS = 60.0  # for one response


class TrainingJobs:
    """The custom jobs of one project and region."""

    def __init__(self, project: str, region: str) -> None:
        self._parent = f"projects/{project}/locations/{region}"
        self._client = training_clients.VertexJobClient(region)

    def reconnect(self) -> None:
        """Replace the client, whose connection or credentials may no longer work."""
        self._client.create_client()

    def start(self, job: dict[str, Any]) -> str:
        """Start a job and return its resource name."""
        started = self._service.create_custom_job(
            parent=self._parent, custom_job=job, timeout=TIMEOUT_SECONDS
        )
        return str(started.name)

    def get(self, name: str) -> CustomJob:
        """Return a job."""
        return self._service.get_custom_job(name=name, timeout=TIMEOUT_SECONDS)

    def list(self, label: str, value: str) -> list[CustomJob]:
        """Return all jobs with a label, newest first."""
        request = {"parent": self._parent, "filter": f'labels.{label}="{value}"'}
        jobs = list(self._service.list_custom_jobs(request=request, timeout=TIMEOUT_SECONDS))
        return sorted(jobs, key=lambda job: job.create_time, reverse=True)

    def cancel(self, name: str) -> None:
        """Ask a job to stop."""
        self._service.cancel_custom_job(name=name, timeout=TIMEOUT_SECONDS)

    @property
    def _service(self) -> Any:
        return self._client._client
