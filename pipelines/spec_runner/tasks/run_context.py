"""Hold the names and folders of one run of a spec, and the results of its tasks."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import TextmillError
from pipelines.metadata.live_artifacts import LiveArtifacts
from pipelines.spec_runner.spec.buckets import Buckets
from pipelines.spec_runner.spec.parameters import Values

PROJECT = REGION = "local"
SUCCEEDED, FAILED, SKIPPED = "SUCCEEDED", "FAILED", "SKIPPED"
INTERNAL = 13  # google.rpc.Code


@dataclass(frozen=True)
class RunContext:
    """One run of a spec, which Vertex AI calls a PipelineJob."""

    pipeline: str
    run_id: str
    root: str  # of the pipeline's artifacts
    folder: Path  # of the run: summary and logs
    workdir: str
    buckets: Buckets
    project: str = PROJECT
    region: str = REGION
    use_cache: bool = True
    retry: bool = True

    @property
    def resource(self) -> str:
        """The resource name of the PipelineJob; its last part is the run's id."""
        return f"projects/{self.project}/locations/{self.region}/pipelineJobs/{self.run_id}"

    def log(self, node_id: str) -> Path:
        """Return the log file of a task."""
        return self.folder / "tasks" / f"{node_id.replace('/', '.')}.log"

    def placeholders(self, node_id: str) -> dict[str, Any]:
        """Return the values of a task's `{{$.pipeline_…}}` placeholders."""
        return {
            "pipeline_job_name": f"{self.pipeline}-{self.run_id}",
            "pipeline_job_uuid": self.run_id.lower(),  # a job's name on Dataflow holds it
            "pipeline_job_resource_name": self.resource,
            "pipeline_root": self.root,
            "pipeline_task_name": node_id.rpartition("/")[2],
            "pipeline_task_uuid": f"{self.run_id}/{node_id}",
        }


class TaskFailedError(TextmillError):
    """A task failed after its last retry; the message holds the end of its log."""

    def __init__(self, task: str, reason: str, log: Path, log_tail: str) -> None:
        super().__init__(f"{task} {reason}.\n\n{log_tail}\n\nThe whole log: {log}")
        self.reason = reason
        self.last_line = log_tail.strip().rpartition("\n")[2]


@dataclass
class Result:
    """The result of a task or of a DAG."""

    state: str = SUCCEEDED
    artifacts: LiveArtifacts = field(default_factory=dict)
    parameters: Values = field(default_factory=dict)
    error: Exception | None = None

    def final_status(self, task: str, resource: str) -> dict[str, Any]:
        """Return the `PipelineTaskFinalStatus` that an exit handler receives."""
        status: dict[str, Any] = {
            "state": self.state,
            "pipelineJobResourceName": resource,
            "pipelineTaskName": task,
        }
        if self.error is not None:
            status["error"] = {"code": INTERNAL, "message": str(self.error)}
        return status
