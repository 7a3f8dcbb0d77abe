"""A sealed file is read if it is whole, and otherwise as if it were not there."""

import json
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from trainer.loop.sealed_files import read_sealed, remove_sealed, write_sealed

VALUES = {"a": np.array([1.0, 2.0], np.float32), "step": np.array(7, np.int64)}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A sealed file of two variables, with a fact."""
    path = tmp_path / "step-7.safetensors"
    variables = {name: tf.Variable(value) for name, value in VALUES.items()}
    write_sealed(str(path), variables, tensors=2)
    return path


def test_what_was_written_is_read_with_its_facts(path: Path) -> None:
    sealed = read_sealed(str(path))
    assert sealed is not None
    facts, values = sealed
    assert facts["tensors"] == 2
    assert values.keys() == VALUES.keys()
    for name, value in VALUES.items():
        assert values[name].dtype == value.dtype
        assert np.array_equal(values[name], value)
    assert safetensors.numpy.load_file(path)["step"] == 7, "other programs read it, too"


@pytest.mark.parametrize(
    "damage",
    [
        lambda path: path.unlink(),
        lambda path: path.write_bytes(path.read_bytes()[:-1]),
        lambda path: path.write_bytes(path.read_bytes()[:-1] + b"\xff"),
        lambda path: path.with_suffix(".json").unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("[]"),
        lambda path: path.with_suffix(".json").write_text(json.dumps({"tensors": 2})),
    ],
    ids=["gone", "cut", "altered", "no seal", "cut seal", "another seal", "seal without a digest"],
)  # fmt: skip
def test_a_file_that_is_not_whole_is_not_read(path: Path, damage: object) -> None:
    assert callable(damage)
    damage(path)
    assert read_sealed(str(path)) is None


def test_a_removed_file_leaves_nothing_and_may_be_removed_again(path: Path) -> None:
    for _ in range(2):
        remove_sealed(str(path))
        assert list(path.parent.iterdir()) == []
