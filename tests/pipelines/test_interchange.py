"""Records go out to another system and come back through the real pipeline, masks and all."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from core.exit import INPUT_ERROR, SUCCEEDED
from core.manifest import read_manifest, verify_shards
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions

TOP = Path(__file__).parents[2]
RECIPE = str(Path(__file__).with_name("tiny.yaml"))
TEXT = str(TOP / "tests/data/language_reference.txt")
BERTS_NAMES = {"input_word_ids": "input_ids", "input_type_ids": "segment_ids"}

pytestmark = pytest.mark.slow


def run(workdir: Path, until: str, *overrides: str) -> int:
    form = ["instances.form=static", "instances.dupe_factor=2"]
    return run_recipe(
        RunOptions(
            recipe=RECIPE,
            text=[TEXT],
            workdir=str(workdir),
            overrides=[*form, *overrides],
            to_node=until,
        )
    )


def artifact(workdir: Path, node: str, output: str) -> Path:
    (folder,) = (workdir / "artifacts" / "tiny" / node / output).iterdir()
    return folder


def records(folder: Path, names: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every record of an artifact, with its split."""
    for split, shards in read_manifest(str(folder)).shards.items():
        for shard in shards:
            kind = "GZIP" if shard.path.endswith(".gz") else ""
            for record in tf.data.TFRecordDataset(str(folder / shard.path), kind):
                features = tf.train.Example.FromString(record.numpy()).features.feature
                yield split, {names.get(n, n): str(value) for n, value in features.items()}


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workdir in which the Model Garden's records were written."""
    workdir = tmp_path_factory.mktemp("out")
    assert run(workdir, "InstanceExport", "export.layout=model_garden") == SUCCEEDED
    return workdir


def test_the_recipe_writes_another_systems_records(out: Path) -> None:
    exported, ours = (
        artifact(out, "InstanceExport", "exported"),
        artifact(out, "InstanceGen", "instances"),
    )
    verify_shards(str(exported), read_manifest(str(exported)))
    assert list(records(exported, BERTS_NAMES)) == list(records(ours, {}))


def test_the_recipe_reads_another_systems_records(out: Path, tmp_path: Path) -> None:
    exported = artifact(out, "InstanceExport", "exported")
    settings = [
        f"vocabulary.import_from={artifact(out, 'VocabularyGen', 'vocabulary')}",
        "instances.import_from.layout=model_garden",
        f"instances.import_from.train={exported}/Split-train/*",
        f"instances.import_from.eval={exported}/Split-eval/*",
    ]
    assert run(tmp_path / "in", "InstanceValidator", *settings) == SUCCEEDED
    back = artifact(tmp_path / "in", "InstanceImport", "instances")
    assert list(records(back, {})) == list(records(artifact(out, "InstanceGen", "instances"), {}))
    assert read_manifest(str(back)).facts["imported_layout"] == "model_garden"


def test_records_that_are_not_there_stop_the_run_before_it_begins(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["layout=bert", "train=none/*", "eval=none/*"]
    settings = [f"instances.import_from.{setting}" for setting in settings]
    assert run(tmp_path, "InstanceImport", *settings) == INPUT_ERROR
    assert "instances.import_from.train: no file matches" in " ".join(
        capsys.readouterr().err.split()
    )
