"""pytest --forks runs every file in a process of its own, and reports like pytest without it."""

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

TOP = Path(__file__).parents[1]
CONFTEST = """
from tests.forked_files import ForkedFiles

def pytest_addoption(parser):
    parser.addoption("--forks", type=int)

def pytest_configure(config):
    config.addinivalue_line("markers", "slow: runs a pipeline")
    config.pluginmanager.register(ForkedFiles(config, config.option.forks))
"""
FILE = """
import os, pathlib, pytest, time
KEPT = []

@pytest.fixture(scope="session", autouse=True)
def pids():
    yield
    with pathlib.Path("pids").open("a") as pids:
        print(os.getpid(), len(KEPT), file=pids)

@pytest.mark.parametrize("number", range(3))
def test_of_a_file(number):
    KEPT.append(number)
"""


def test_each_file_has_a_process_and_all_share_what_was_imported(folder: Path) -> None:
    for name in "abcd":
        (folder / f"test_{name}.py").write_text(FILE)
    assert "12 passed" in run(folder)
    pids, kept = zip(*(map(int, line.split()) for line in (folder / "pids").open()), strict=True)
    assert len(set(pids)) == 4
    assert kept == (3, 3, 3, 3)


TOGETHER = """
import pathlib, pytest, time
{marks}
def test_of_a_file():
    started, ended = pathlib.Path("started"), pathlib.Path("ended")
    for folder in started, ended:
        folder.mkdir(exist_ok=True)
    (started / "{name}").touch()
    deadline = time.monotonic() + 60
    while not {{"a", "b", "small"}} <= {{path.name for path in started.iterdir()}}:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert "{name}" != "c" or (ended / "a").exists() or (ended / "b").exists()
    (ended / "{name}").touch()
"""


def test_a_file_without_slow_tests_runs_beside_as_many_as_were_asked_for(folder: Path) -> None:
    for name in ("a", "b", "c", "small"):
        marks = "" if name == "small" else "pytestmark = pytest.mark.slow"
        (folder / f"test_{name}.py").write_text(TOGETHER.format(name=name, marks=marks))
    assert "4 passed" in run(folder)


def test_failures_skips_and_output_are_reported(folder: Path) -> None:
    (folder / "test_a.py").write_text(
        "import os, pytest\n"
        "def test_fails():\n    os.system('echo $((6 * 7)) of a command')\n    assert 1 == 2\n"
        "def test_skips():\n    pytest.skip('not today')\n"
    )
    (folder / "test_b.py").write_text("def test_passes(): print('not shown')\n")
    output = run(folder, "-rs", code=1)
    assert "1 failed, 1 passed, 1 skipped" in output
    assert "42 of a command" in output
    assert "assert 1 == 2" in output
    assert "not today" in output
    assert "not shown" not in output


@pytest.mark.parametrize(("death", "code"), [("os.kill(os.getpid(), 9)", -9), ("os._exit(0)", 0)])
def test_a_process_that_dies_fails_one_test(folder: Path, death: str, code: int) -> None:
    (folder / "test_a.py").write_text(
        "import os, subprocess\n"
        "def test_passes(): subprocess.Popen(['sleep', '5'], close_fds=False)\n"
        f"def test_dies(): {death}\n"
        "def test_after_it(): pass\n"
    )
    output = run(folder, code=1)
    assert "1 failed, 2 passed" in output
    assert f"test_a.py::test_dies: the process ended with exit code {code}" in output


def test_a_killed_session_leaves_no_process(folder: Path) -> None:
    (folder / "test_a.py").write_text(
        "import os, pathlib, time\n"
        "def test_kills(): pathlib.Path('pid').write_text(str(os.getpid())); "
        "os.kill(os.getppid(), 9); time.sleep(600)\n"
    )
    run(folder, code=-9)
    deadline = time.monotonic() + 60
    while _is_running(int((folder / "pid").read_text())):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_session_removes_its_temporary_folder_at_the_end() -> None:
    script = "import tests.conftest, multiprocessing.util as u; print(u.get_temp_dir())"
    environment = {k: v for k, v in os.environ.items() if k != "TEXTMILL_TEST_TEMP"}
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=TOP,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "textmill-tests-" in done.stdout
    assert not Path(done.stdout.strip()).parent.exists()
    assert "Error" not in done.stderr  # multiprocessing removes its own folder first


def _is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


def test_the_first_failure_stops_everything(folder: Path) -> None:
    for name in "abcd":
        test = "import pytest\n@pytest.mark.slow\ndef test_1(): assert 0\ndef test_2(): pass\n"
        (folder / f"test_{name}.py").write_text(test)
    assert re.search(r"\b1 failed in", run(folder, "-x", "--forks", "1", code=1))


def test_tensorflow_must_not_run_before_the_forks(folder: Path) -> None:
    (folder / "test_a.py").write_text(
        "import tensorflow as tf\nONE = tf.constant(1)\ndef test_one(): assert ONE == 1\n"
    )
    assert "A test file runs TensorFlow when it is imported" in run(folder, code=4)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder whose tests run in forks."""
    (tmp_path / "conftest.py").write_text(CONFTEST)
    return tmp_path


def run(folder: Path, *options: str, code: int = 0) -> str:
    """Run the tests of the folder; return what is printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "--forks", "2", *options],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(TOP), "TF_CPP_MIN_LOG_LEVEL": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
