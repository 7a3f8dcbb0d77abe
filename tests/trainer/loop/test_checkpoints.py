"""Checkpoints are kept, found and compared by their names, tensors and facts."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf

from trainer.loop.checkpoints import (
    CheckpointError,
    Checkpoints,
    checkpoint_folder,
    describe,
    start_over,
    starts_over,
    step_of,
)


class LostLease:
    """A lease that another run has taken."""

    def check(self) -> None:
        raise CheckpointError("the lease is lost")


def checkpoints(folder: Path, *, keep: int = 9, bias: int = 2, **options: Any) -> Checkpoints:
    """Return the checkpoints of a model with one weight, at step 0."""
    state = {"bias": tf.Variable(tf.zeros([bias]))}
    return Checkpoints(str(folder), state, tf.Variable(0, dtype=tf.int64), keep=keep, **options)


def save(made: Checkpoints, *steps: int, **history: Any) -> list[str]:
    """Save at these steps, with the step's number as the weights; return the paths."""
    paths = []
    for step in steps:
        made._step.assign(step)
        made._state["bias"].assign(tf.fill([2], float(step)))
        paths.append(made.save({"at": step, **history}))
    return paths


def steps_in(folder: Path) -> list[int]:
    """Return the steps of the checkpoints in a folder; each has a seal."""
    assert {p.stem for p in folder.glob("*.json")} == {p.stem for p in folder.glob("*.safetensors")}
    return sorted(step_of(str(path)) for path in folder.glob("step-*.safetensors"))


def values(made: Checkpoints) -> tuple[int, list[float]]:
    return int(made._step.numpy()), made._state["bias"].numpy().tolist()


def test_the_newest_checkpoints_and_the_kept_step_stay(tmp_path: Path) -> None:
    paths = save(checkpoints(tmp_path, keep=2, kept_step=5), 5, 10, 15, 1_000)
    assert paths[0] == f"{tmp_path}/step-000000005.safetensors"
    assert steps_in(tmp_path) == [5, 15, 1_000]
    save(checkpoints(tmp_path, keep=1), 1_001)
    assert steps_in(tmp_path) == [1_001]


def test_the_newest_one_is_restored_with_its_history(tmp_path: Path) -> None:
    first, _ = save(checkpoints(tmp_path), 1, 2, loss=[0.5])
    assert safetensors.numpy.load_file(first).keys() == {"bias", "step"}
    made = checkpoints(tmp_path)
    assert made.history == {}
    assert made.restore_latest() == f"{tmp_path}/step-000000002.safetensors"
    assert values(made) == (2, [2.0, 2.0])
    assert made.history == {"at": 2, "loss": [0.5]}
    assert checkpoints(tmp_path).save() == f"{tmp_path}/step-000000000.safetensors"


def test_an_incomplete_one_is_passed_over_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    *_, altered, newest = save(checkpoints(tmp_path), 1, 2, 3)
    content = bytearray(Path(altered).read_bytes())
    content[-1] ^= 1
    Path(altered).write_bytes(content)
    Path(newest).with_suffix(".json").unlink()
    made = checkpoints(tmp_path)
    with caplog.at_level(logging.WARNING):
        assert made.restore_latest() == f"{tmp_path}/step-000000001.safetensors"
    assert values(made) == (1, [1.0, 1.0])
    assert caplog.messages == [
        f"{path} is incomplete or altered; using the checkpoint before it."
        for path in (newest, altered)
    ]


def test_those_of_another_run_are_used_if_there_are_none(tmp_path: Path) -> None:
    others = save(checkpoints(tmp_path / "other"), 1, 7)
    made = checkpoints(tmp_path / "own")
    assert made.restore_latest(others) == others[-1]
    assert values(made) == (7, [7.0, 7.0])
    own = save(made, 3)
    assert checkpoints(tmp_path / "own").restore_latest(others) == own[-1]
    nothing = checkpoints(tmp_path / "empty")
    assert nothing.restore_latest() is None
    assert values(nothing) == (0, [0.0, 0.0])


def test_only_the_chief_writes_and_only_with_its_lease(tmp_path: Path) -> None:
    follower = checkpoints(tmp_path, writes=False, lease=LostLease())
    assert save(follower, 4) == [f"{tmp_path}/step-000000004.safetensors"]
    assert steps_in(tmp_path) == []
    with pytest.raises(CheckpointError, match="the lease is lost"):
        save(checkpoints(tmp_path, lease=LostLease()), 4)
    assert steps_in(tmp_path) == []


def test_a_checkpoint_of_another_model_is_rejected_with_what_differs(tmp_path: Path) -> None:
    save(checkpoints(tmp_path, facts={"vocabulary": "words", "size": "tiny"}), 1)
    made = checkpoints(tmp_path, bias=3, facts={"vocabulary": "pieces", "size": "tiny", "new": "x"})
    made._state["weight"] = made._state.pop("bias")
    with pytest.raises(CheckpointError) as rejected:
        made.restore_latest()
    assert str(rejected.value) == (
        f"{tmp_path}/step-000000001.safetensors: belongs to another model (bias: only in the file; "
        f"new: nothing in the file, x in the run; vocabulary: words in the file, pieces in the "
        f"run). Set another checkpoint_root, or delete the folder {tmp_path.name} in it."
    )
    wider = checkpoints(tmp_path, bias=3)
    with pytest.raises(CheckpointError, match=r"bias: float32\(2,\) in the file, float32\(3,\)"):
        wider.restore_latest()
    assert values(wider) == (0, [0.0] * 3), "nothing is restored in part"
    assert checkpoints(tmp_path).restore_latest(), "facts that the run does not have do not matter"


def test_starting_over_deletes_the_checkpoints_of_the_run_alone(tmp_path: Path) -> None:
    save(checkpoints(tmp_path / "run"), 1)
    save(checkpoints(tmp_path / "other"), 1)
    assert checkpoint_folder(str(tmp_path), "run") == f"{tmp_path}/run"
    assert not starts_over()
    with start_over():
        assert starts_over()
        assert steps_in(tmp_path / "run") == [1]
        assert checkpoint_folder(str(tmp_path), "run") == f"{tmp_path}/run"
    assert not starts_over()
    assert not (tmp_path / "run").exists()
    assert steps_in(tmp_path / "other") == [1]


def test_tensors_are_described_by_type_and_shape() -> None:
    assert describe(None) == "nothing"
    assert describe(tf.Variable(tf.zeros([2, 3]))) == describe(np.zeros((2, 3), np.float32))
    assert describe(tf.Variable(1, dtype=tf.int64)) == "int64()"
