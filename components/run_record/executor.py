"""Write how a run ended, whether it succeeded or failed."""

import json
import logging
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format, struct_pb2
from tfx.dsl.components.base import base_executor

from components.artifacts import Artifacts
from components.run_record.notify import notify
from core import storage
from core.file_names import PUBLISHED

RECORD = "run.json"
SUCCEEDED = "SUCCEEDED"
STATES = {"COMPLETE": SUCCEEDED}  # Kubeflow Pipelines' word for it
log = logging.getLogger(__name__)


class Executor(base_executor.BaseExecutor):
    """Write `<record_root>/<run>/run.json`."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write the record.

        Args:
            input_dict: empty, because an exit handler has no input artifacts.
            output_dict: empty.
            exec_properties: `final_status` (JSON of PipelineTaskFinalStatus), `record_root`,
                `recipe`, `topic`, `webhook_secret`; all others are parameters of the run.

        Raises:
            NotificationError: a message was refused; the record is written.
        """
        properties = dict(exec_properties)
        status = read_status(properties.pop("final_status"))
        root = properties.pop("record_root")
        places = {name: properties.pop(name) for name in ("topic", "webhook_secret")}
        record = {
            "run": status.get("pipelineJobResourceName", ""),
            "recipe": properties.pop("recipe"),
            "state": STATES.get(status.get("state", ""), status.get("state", "UNKNOWN")),
            "error": status.get("error") or None,
            "publication": read_publication(root, status.get("pipelineJobResourceName", "")),
            "ended": datetime.now(tz=UTC).isoformat(timespec="seconds"),
            "parameters": properties,
        }
        name = record["run"].rpartition("/")[2] or record["ended"].replace(":", "")
        path = storage.join(root, name, RECORD)
        text = json.dumps(record, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
        storage.write_bytes(path, text.encode())
        level = logging.INFO if record["state"] == SUCCEEDED else logging.ERROR
        log.log(level, "The run ended as %s; its record is %s", record["state"], path)
        notify(record, **places)


def read_publication(record_root: str, run: str) -> dict[str, Any] | None:
    """Return what the run's Pusher wrote; None if it did not run, or its task was cached."""
    folder = record_root.rstrip("/").rpartition("/")[0]
    name = run.rpartition("/")[2]
    # …/artifacts/PROJECT-NUMBER/RUN/TASK_ID/OUTPUT, as Vertex AI names the folders
    pattern = ("artifacts", "*", name, "Pusher_*", "pushed_model", PUBLISHED)
    paths = storage.list_files(storage.join(folder, *pattern)) if name else []
    if not paths:
        return None
    written: dict[str, Any] = json.loads(storage.read_bytes(paths[-1]))
    return written


def read_status(value: str | struct_pb2.Struct) -> dict[str, Any]:
    """Parse the final status, which Vertex AI passes as JSON and Kubeflow Pipelines as a struct."""
    status: dict[str, Any]
    if isinstance(value, struct_pb2.Struct):
        status = json_format.MessageToDict(value)
    else:
        status = json.loads(value)
    return status
