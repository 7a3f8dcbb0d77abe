"""`python -m trainer JOB` trains as TFX's Trainer does, and imports no TFX."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from core.manifest import read_manifest
from tests.trainer.conftest import MakeSettings
from trainer.job import TrainingJob

# Runs `python -m trainer` where importing one of these packages fails.
WITHOUT_TFX = """
import runpy, sys
for name in ("tfx", "tfx_bsl", "apache_beam", "ml_metadata", "kfp", "pyarrow", "components"):
    sys.modules[name] = None
sys.argv[0] = "trainer"
runpy.run_module("trainer", run_name="__main__")
"""


def run(*arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    command = [python, "-W", "ignore", "-c", WITHOUT_TFX, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_a_job_in_a_file_is_trained_without_tfx(
    dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = make_settings(steps=2, warmup_steps=1)
    model, run_folder = tmp_path / "model", tmp_path / "run"
    job = TrainingJob(
        settings=settings, instances=(dynamic_folder,), model=str(model), run=str(run_folder)
    )
    file = tmp_path / "job.json"
    file.write_text(job.model_dump_json())
    ended = run(str(file))
    assert ended.returncode == 0, ended.stderr
    assert "INFO trainer: Trained and exported to" in ended.stderr
    assert read_manifest(str(model))
    assert json.loads((run_folder / "training.json").read_text())["finished"]


def test_the_command_of_a_job_holds_the_whole_job(make_settings: MakeSettings) -> None:
    job = TrainingJob(settings=make_settings(), instances=("gs://b/i",), model="m", run="r")
    assert job.command()[:3] == ["python", "-m", "trainer"]
    assert TrainingJob.model_validate_json(job.command()[3]) == job


@pytest.mark.parametrize(
    ("job", "message"),
    [
        ("{}", "The training job is invalid: settings: Field required; instances: Field required"),
        ('{"settings": ', "The training job is invalid: .*Invalid JSON"),
        ("no-such-job.json", "no-such-job.json"),
    ],
)
def test_an_invalid_job_ends_with_one_sentence(job: str, message: str) -> None:
    ended = run(job)
    assert ended.returncode == 2
    assert re.search(message, ended.stderr), ended.stderr
    assert "Traceback" not in ended.stderr


def test_wrong_arguments_show_the_usage() -> None:
    ended = run()
    assert ended.returncode == 2
    assert ended.stderr.startswith("Usage: python -m trainer JOB")
    assert run("--help").stdout.startswith("Usage: python -m trainer JOB")
