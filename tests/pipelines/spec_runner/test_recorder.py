"""A task's end is in ML Metadata as a whole or not at all."""

from pathlib import Path
from typing import Any

import pytest
from ml_metadata import metadata_store
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipelines.metadata.live_artifacts import ArtifactType, LiveArtifact
from pipelines.metadata.mlmd.recorder import Recorder

DATASET = ArtifactType({"schemaTitle": "system.Dataset"}, "system.Dataset", {})
KEY = "a-cache-key"


class Killed(Exception):
    """Stands for a signal that ends the process at a call of ML Metadata."""


def run_task(folder: Path) -> tuple[Recorder, int, LiveArtifact]:
    """Begin a task and write its only output."""
    recorder = Recorder(folder / "metadata.sqlite", "small", "run-1", {})
    execution = recorder.begin("Make", "container", {}, {})
    artifact = LiveArtifact(0, DATASET, str(folder / "output"))
    recorder.register(artifact)
    (folder / "output").mkdir()
    (folder / "output/data.txt").write_text("made", encoding="utf-8")
    return recorder, execution, artifact


@pytest.mark.parametrize("call", range(4))
def test_a_run_killed_at_any_call_has_all_of_a_result_or_nothing(
    call: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, execution, artifact = run_task(tmp_path)
    calls = 0

    def killed_at(name: str) -> Any:
        original = getattr(metadata_store.MetadataStore, name)

        def method(*arguments: Any, **more: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls > call:
                raise Killed
            return original(*arguments, **more)

        return method

    for name in ("put_artifacts", "put_execution", "put_attributions_and_associations"):
        monkeypatch.setattr(metadata_store.MetadataStore, name, killed_at(name))
    try:
        recorder.finish(execution, {"data": [artifact]}, {"rows": 3}, cache_key=KEY)
    except Killed:
        assert call < 3, "it ends by itself after a few calls"
    monkeypatch.undo()
    config = mlmd.ConnectionConfig()
    config.sqlite.filename_uri = str(tmp_path / "metadata.sqlite")
    (record,) = metadata_store.MetadataStore(config).get_executions_by_id([execution])
    is_complete = record.last_known_state == mlmd.Execution.COMPLETE
    assert bool(recorder.live_artifacts(DATASET)) == is_complete
    assert (recorder.find_cached(KEY, {"data": DATASET}) is not None) == is_complete
    assert is_complete == (calls <= call)
