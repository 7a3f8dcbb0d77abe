"""What came of a task, and what the next ones take from it."""

from dataclasses import dataclass, field
from typing import Any

from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.parameters import Values

SUCCEEDED, FAILED, SKIPPED = "SUCCEEDED", "FAILED", "SKIPPED"
INTERNAL = 13  # google.rpc.Code


@dataclass
class Result:
    """The end of a task or of a DAG."""

    state: str = SUCCEEDED
    artifacts: Artifacts = field(default_factory=dict)
    parameters: Values = field(default_factory=dict)
    error: Exception | None = None

    def final_status(self, task: str, resource: str) -> dict[str, Any]:
        """A `PipelineTaskFinalStatus`, which an exit handler is given."""
        status: dict[str, Any] = {
            "state": self.state,
            "pipelineJobResourceName": resource,
            "pipelineTaskName": task,
        }
        if self.error is not None:
            status["error"] = {"code": INTERNAL, "message": str(self.error)}
        return status
