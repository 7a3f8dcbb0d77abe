"""A stopped or killed `run-spec --engine` leaves no container behind (run by make images-test)."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.pipelines.spec_runner.small_specs import component, pipeline, python, task, write_spec

IMAGE = os.environ.get("TEXTMILL_TEST_IMAGE", "")
pytestmark = pytest.mark.skipif(not IMAGE, reason="needs podman and an image: make images-test")
WAITS = "import pathlib, time; pathlib.Path('started').touch(); time.sleep(600)"
IGNORES = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {WAITS}"
TEXTMILL = Path(sys.executable).with_name("textmill")


def containers(workdir: Path) -> list[str]:
    listed = subprocess.run(
        ["podman", "ps", "--all", "--quiet", "--filter", f"label=textmill.workdir={workdir}"],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return listed.stdout.split()


def start(folder: Path, code: str) -> subprocess.Popen[bytes]:
    """Start a run in `folder/w` whose only task waits; return when the task has started."""
    spec = pipeline({"wait": task("wait")}, {"wait": component("wait")}, {"wait": python(code)})
    command = [TEXTMILL, "run-spec", write_spec(folder, spec), "--workdir", folder / "w"]
    process = subprocess.Popen([*command, "--engine", "podman", "--image", f"any/image={IMAGE}"])
    deadline = time.monotonic() + 120
    while not list(folder.rglob("started")):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert len(containers(folder / "w")) == 1
    return process


@pytest.mark.parametrize(
    ("code", "number", "exit_code"),
    [(WAITS, signal.SIGTERM, 143), (WAITS, signal.SIGINT, 130), (IGNORES, signal.SIGTERM, 143)],
)
def test_a_stopped_run_ends_its_containers(
    tmp_path: Path, code: str, number: signal.Signals, exit_code: int
) -> None:
    process = start(tmp_path, code)
    process.send_signal(number)
    assert process.wait(60) == exit_code
    assert containers(tmp_path / "w") == []


def test_the_run_after_a_killed_one_removes_its_containers(tmp_path: Path) -> None:
    killed = start(tmp_path, WAITS)
    killed.kill()
    killed.wait()
    (left,) = containers(tmp_path / "w")
    for file in tmp_path.rglob("started"):
        file.unlink()
    process = start(tmp_path, WAITS)
    assert left not in containers(tmp_path / "w")
    process.terminate()
    process.wait(60)
    assert containers(tmp_path / "w") == []
