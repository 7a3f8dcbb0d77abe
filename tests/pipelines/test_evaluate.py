"""`textmill evaluate` scores any folder of a model, and names what is wrong."""

import json
from pathlib import Path

from typer.testing import CliRunner

from core.errors import InputError
from pipelines.cli import app
from tests.components.downstream_evaluator.tasks import write_polarity
from tests.small_model import write_small_model

QUICK = "evaluation.fine_tuning={epochs: 1, batch_size: 8, seeds: [1], device: cpu}"


def test_a_folder_of_transformers_is_scored(tmp_path: Path) -> None:
    model = write_small_model(tmp_path / "model", "albert")
    task = json.dumps(write_polarity(tmp_path, train=16, evaluated=8))
    arguments = ["evaluate", model, "--task", task, "--baseline", model, "--set", QUICK]
    done = CliRunner().invoke(app, [*arguments, "--json"])
    assert done.exit_code == 0, done.output
    result = json.loads(done.stdout)["polarity"]
    assert result["eval_examples"] == 8
    assert result["probe"]["model"] == result["probe"]["latest"]
    assert result["fine_tuning"]["model"] == result["fine_tuning"]["latest"]


def test_what_is_missing_is_named(tmp_path: Path) -> None:
    for arguments in ([f"{tmp_path}/nope"], [str(tmp_path), "--baseline", f"{tmp_path}/nope"]):
        done = CliRunner().invoke(app, ["evaluate", *arguments])
        assert (
            str(done.exception) == f"{tmp_path}/nope: no such folder. Give the folder of a model."
        )
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path)])
    assert isinstance(done.exception, InputError)
    assert "No task is named. Give --task" in str(done.exception)
    task = json.dumps(write_polarity(tmp_path))
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--task", task])
    assert isinstance(done.exception, InputError)
    assert "no config.json" in str(done.exception)
    done = CliRunner().invoke(app, ["evaluate", str(tmp_path), "--task", '{"colour": "red"}'])
    assert "unknown key evaluation.tasks.0.colour" in str(done.exception)
