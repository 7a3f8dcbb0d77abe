"""Hold the names and folders of one run of a spec."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.spec_runner.spec.buckets import Buckets

PROJECT = REGION = "local"


@dataclass(frozen=True)
class RunContext:
    """One run of a spec, which Vertex AI calls a PipelineJob."""

    pipeline: str
    run_id: str
    root: Path  # of the pipeline's artifacts
    folder: Path  # of the run: summary and logs
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
            "pipeline_job_uuid": self.run_id,
            "pipeline_job_resource_name": self.resource,
            "pipeline_root": str(self.root),
            "pipeline_task_name": node_id.rpartition("/")[2],
            "pipeline_task_uuid": f"{self.run_id}/{node_id}",
        }
