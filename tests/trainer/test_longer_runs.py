"""A run with more steps continues an earlier one, if both compute its first steps equally."""

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from trainer.loop.longer_runs import shared_steps
from trainer.settings.phase import PhaseSettings
from trainer.settings.training import TrainerSettings, TrainingSettings
from trainer.training import train_and_export

WEIGHTS = "Format-Serving/transformers/model.safetensors"
STABLE = {"schedule": "stable", "decay_steps": 4, "warmup_steps": 2, "log_every_steps": 2}


def run(settings: TrainingSettings, folder: str, scratch: Path) -> dict[str, Any]:
    train_and_export(settings, [folder], str(scratch / "model"), str(scratch / "run"))
    log: dict[str, Any] = json.loads((scratch / "run" / "training.json").read_text())
    return log


def weights(scratch: Path) -> bytes:
    (path,) = (scratch / "model").rglob("model.safetensors")
    return path.read_bytes()


def test_a_stable_schedule_is_continued_where_it_began_to_decay(
    dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    short = make_settings(steps=10, save_every_steps=1, keep_checkpoints=1, **STABLE)
    run(short, dynamic_folder, tmp_path / "short")
    longer = make_settings(steps=16, **STABLE)
    log = run(longer, dynamic_folder, tmp_path / "longer")
    assert log["resumed_from"].endswith("-10/step-000000006.safetensors")
    assert [entry["step"] for entry in log["history"]] == [2, 4, 6, 8, 10, 12, 14, 16]
    (events,) = (tmp_path / "longer" / "run").glob("events.*")
    steps = {e.step for e in tf.compat.v1.train.summary_iterator(str(events)) if e.summary.value}
    assert steps == {2, 4, 6, 8, 10, 12, 14, 16}, "TensorBoard shows the whole run"
    update = {"checkpoint_root": str(tmp_path / "elsewhere")}
    run(longer.model_copy(update=update), dynamic_folder, tmp_path / "scratch")
    assert weights(tmp_path / "longer") == weights(tmp_path / "scratch")


def test_a_linear_schedule_starts_again_and_says_why(
    dynamic_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    run(make_settings(steps=3, warmup_steps=1), dynamic_folder, tmp_path / "short")
    log = run(make_settings(steps=5, warmup_steps=1), dynamic_folder, tmp_path / "longer")
    assert log["resumed_from"] is None
    error = capfd.readouterr().err
    assert "A run with the same settings and 3 steps cannot be continued to 5: with " in error
    assert "trainer.schedule: linear" in error
    assert "Training starts at step 0. To train the finished model further, set" in error


@pytest.mark.parametrize(
    ("changes", "equal"),
    [
        ({"schedule": "stable", "decay_steps": 20}, 80),
        ({"schedule": "stable", "decay_steps": 500}, 0),
        ({"schedule": "linear"}, 10),
        ({"schedule": "product"}, 0),
        ({"schedule": "linear", "phases": (PhaseSettings(from_step=50, seq_length=64),)}, 10),
        (
            {
                "schedule": "linear",
                "phases": (PhaseSettings(from_step=50, seq_length=64, learning_rate=0.1),),
            },
            60,
        ),
    ],
)
def test_the_steps_that_two_runs_share(changes: dict[str, Any], equal: int) -> None:
    settings = TrainerSettings(steps=200, warmup_steps=10, **changes)
    assert shared_steps(settings, 100) == equal
