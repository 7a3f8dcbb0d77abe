"""The record of a run has its final state and its parameters."""

import json
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format, struct_pb2

from components.run_record.executor import Executor

RUN = "projects/1/locations/us-central1/pipelineJobs/weekly-20261124"


def record(root: Path, status: Any) -> dict[str, Any]:
    given = {"final_status": status, "record_root": str(root), "recipe": "weekly", "steps": 5}
    Executor().Do({}, {}, {**given, "topic": "", "webhook_secret": "", "text_root": "gs://b/x"})
    (file,) = root.glob("*/run.json")
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert file.parent.name == "weekly-20261124"
    return content


STATUS = {"state": "FAILED", "pipelineJobResourceName": RUN, "pipelineTaskName": "tfx-dag",
          "error": {"code": 9, "message": "The DAG failed because some tasks failed."}}  # fmt: skip


@pytest.mark.parametrize(
    "status", [json.dumps(STATUS), json_format.ParseDict(STATUS, struct_pb2.Struct())]
)
def test_a_failed_run_is_recorded_with_its_error_and_its_values(
    tmp_path: Path, status: Any
) -> None:
    written = record(tmp_path, status)
    assert (written["state"], written["recipe"], written["run"]) == ("FAILED", "weekly", RUN)
    assert written["error"]["message"].startswith("The DAG failed")
    assert written["parameters"] == {"steps": 5, "text_root": "gs://b/x"}
    assert written["ended"].endswith("+00:00")


@pytest.mark.parametrize("state", ["SUCCEEDED", "COMPLETE"])  # Vertex AI's word, Kubeflow's word
def test_a_good_run_has_no_error(
    tmp_path: Path, state: str, caplog: pytest.LogCaptureFixture
) -> None:
    written = record(tmp_path, json.dumps({**STATUS, "state": state, "error": {}}))
    assert "ERROR" not in {entry.levelname for entry in caplog.records}
    assert (written["state"], written["error"]) == ("SUCCEEDED", None)
