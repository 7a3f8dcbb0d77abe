"""Hold the result of a task: its state, outputs and error."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from core.errors import TextmillError
from pipelines.spec_runner.spec.artifacts import Artifacts
from pipelines.spec_runner.spec.parameters import Values

SUCCEEDED, FAILED, SKIPPED = "SUCCEEDED", "FAILED", "SKIPPED"
INTERNAL = 13  # google.rpc.Code


class TaskError(TextmillError):
    """A task failed after its last retry; the message holds the end of its log."""

    def __init__(self, task: str, reason: str, log: Path, log_tail: str) -> None:
        super().__init__(f"{task} {reason}.\n\n{log_tail}\n\nThe whole log: {log}")
        self.reason = reason


@dataclass
class Result:
    """The result of a task or of a DAG."""

    state: str = SUCCEEDED
    artifacts: Artifacts = field(default_factory=dict)
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
