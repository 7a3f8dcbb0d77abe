"""Replay the work of an earlier run: decisions are real, computed outputs are copies.

A replayed run goes through TFX's drivers, cache keys and publishing as usual. Only the executors do
not run: each node gets the outputs of an earlier run.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tfx.orchestration.portable import outputs_utils
from tfx.proto.orchestration import execution_result_pb2

from core.manifest import read_manifest, write_manifest
from pipelines.local.local_runner import NodeLauncher
from pipelines.metadata.mlmd.connection import open_store
from pipelines.metadata.read_store import Store
from pipelines.metadata.records import Records


@contextmanager
def replayed(metadata_path: Path, run_id: str, *, new_model: bool = True) -> Iterator[None]:
    """Give every node that would run the outputs that it had in a run of this store.

    Args:
        metadata_path: the store.
        run_id: the run to replay.
        new_model: change the content of a replayed model, as a new training would.
    """
    store = open_store(metadata_path)
    known = Records(Store(metadata_path)).of_run(run_id)

    def take(_: NodeLauncher, info: Any) -> Any:
        output = execution_result_pb2.ExecutorOutput()
        earlier = known[info.pipeline_node.node_info.id].outputs
        for key, (artifact,) in info.output_dict.items():
            (source,) = store.get_artifacts_by_id([earlier[key][0].id])
            shutil.copytree(source.uri, artifact.uri, dirs_exist_ok=True)
            if key == "model" and new_model:
                _make_another(f"{artifact.uri}/Format-Serving", artifact.uri)
            made = artifact.mlmd_artifact
            for name, value in source.custom_properties.items():
                if name not in made.custom_properties:
                    made.custom_properties[name].CopyFrom(value)
            if key == "blessing":  # names the model that it is of
                (model,) = info.input_dict["model"]
                made.custom_properties["current_model_id"].int_value = model.id
            output.output_artifacts[key].artifacts.append(made)
        outputs_utils.populate_exec_properties(output, info.exec_properties)
        return output

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NodeLauncher, "_run_executor", take)
        yield


def _make_another(folder: str, name: str) -> None:
    """Give a model different content and a matching manifest."""
    manifest = read_manifest(folder)
    write_manifest(folder, manifest.model_copy(update={"facts": {**manifest.facts, "name": name}}))
