"""Readers compare an artifact with its manifest first, and report what is damaged."""

import shutil
from pathlib import Path

import pytest

from components.publisher.publish import check_version
from components.records import check_records
from core.errors import InputError
from core.manifest import Shard, read_manifest
from tests.faults.conftest import DONE
from tests.faults.lane import Lane


@pytest.fixture(scope="module")
def done(lane: Lane, undisturbed: dict[str, str]) -> Path:
    """The workdir of a finished run, for reading only."""
    return lane.root / DONE


@pytest.fixture
def documents(done: Path, tmp_path: Path) -> tuple[Path, Shard, Shard]:
    """Copy the documents; return their folder and the first shard of train and of eval."""
    (source,) = done.glob("artifacts/tiny/TextExampleGen/examples/*")
    shutil.copytree(source, tmp_path / "documents")
    shards = read_manifest(str(source)).shards
    return tmp_path / "documents", shards["train"][0], shards["eval"][0]


def test_a_truncated_shard_is_reported_with_record_and_remedy(
    documents: tuple[Path, Shard, Shard],
) -> None:
    folder, train, _ = documents
    path = folder / train.path
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match=rf"{path}: record \d+ is truncated .* run again"):
        check_records(str(path), train.sha256)


def test_a_shard_that_was_replaced_by_another_is_reported(
    documents: tuple[Path, Shard, Shard],
) -> None:
    folder, train, held_out = documents
    shutil.copy(folder / held_out.path, folder / train.path)
    message = rf"sha256 differs; it has {held_out.records} intact records.*run again"
    with pytest.raises(InputError, match=message):
        check_records(str(folder / train.path), train.sha256)
    (folder / train.path).unlink()
    with pytest.raises(InputError, match="but it is missing"):
        check_records(str(folder / train.path), train.sha256)


def test_the_trainer_reports_the_first_bad_record_before_step_0(done: Path, tmp_path: Path) -> None:
    from trainer.input.instances import open_instances, verify_instances

    (source,) = done.glob("artifacts/tiny/InstanceGen/instances/*")
    folder = tmp_path / "instances"
    shutil.copytree(source, folder)
    path = folder / read_manifest(str(source)).shards["train"][0].path
    path.write_bytes(path.read_bytes()[:-100])
    message = (
        rf"{path}: .*sha256 differs; it has [\d,]+ bytes of [\d,]+.*Record \d+ is the first bad"
    )
    with pytest.raises(InputError, match=message):
        verify_instances(open_instances(str(folder)))


def test_an_altered_model_is_neither_evaluated_nor_accepted_as_published(
    done: Path, tmp_path: Path
) -> None:
    from trainer.evaluation import evaluate

    (instances,) = done.glob("artifacts/tiny/InstanceGen/instances/*")
    (version,) = done.glob("published/tiny/1*")
    model = tmp_path / "model"
    shutil.copytree(version, model)
    assert check_version(str(model)).kind == "published model"
    weights = model / "transformers" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match=f"{weights}: its content is not what was written"):
        check_version(str(model))
    with pytest.raises(InputError, match=f"{weights}: its content is not what was written"):
        evaluate(str(model), str(instances), "eval", 8, 1)
