"""One run of a spec: its names, its places, and how its tasks are told of both."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.spec_runner.spec.places import Places

PROJECT = REGION = "local"


@dataclass(frozen=True)
class Job:
    """A run, as Vertex AI's PipelineJob."""

    pipeline: str
    run_id: str
    root: Path  # of the pipeline's artifacts
    folder: Path  # of the run: summary and logs
    places: Places
    project: str = PROJECT
    region: str = REGION
    use_cache: bool = True
    retry: bool = True

    @property
    def resource(self) -> str:
        """The resource name of the PipelineJob; its last part is the run's id."""
        return f"projects/{self.project}/locations/{self.region}/pipelineJobs/{self.run_id}"

    def log(self, node_id: str) -> Path:
        """Where a task's output goes."""
        return self.folder / "tasks" / f"{node_id.replace('/', '.')}.log"

    def placeholders(self, node_id: str) -> dict[str, Any]:
        """What `{{$.…}}` knows beside the task's inputs and outputs."""
        return {
            "pipeline_job_name": f"{self.pipeline}-{self.run_id}",
            "pipeline_job_uuid": self.run_id,
            "pipeline_job_resource_name": self.resource,
            "pipeline_root": str(self.root),
            "pipeline_task_name": node_id.rpartition("/")[2],
            "pipeline_task_uuid": f"{self.run_id}/{node_id}",
        }
