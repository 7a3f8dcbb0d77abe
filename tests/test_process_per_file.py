"""Files of tests that run in processes of their own report as usual, also if the process dies."""

import subprocess
import sys
from pathlib import Path

TOP = Path(__file__).parents[1]
CONFTEST = "from tests.process_per_file import pytest_runtest_protocol"
FIRST = """
import os, pytest
def test_passes(): print(os.getpid())
def test_fails(): assert [1] == [2]
@pytest.mark.skip(reason="not now")
def test_is_skipped(): pass
def test_dies(): os._exit(3)
def test_runs_after_the_death(tmp_path): assert tmp_path.exists()
"""
SECOND = "import os\ndef test_of_another_file(): print(os.getpid())"


def test_each_outcome_is_reported(tmp_path: Path) -> None:
    for name, text in (("conftest", CONFTEST), ("test_a", FIRST), ("test_b", SECOND)):
        (tmp_path / f"{name}.py").write_text(text)
    for more in ([], ["--numprocesses", "1", "--dist", "loadfile"]):
        command = [sys.executable, "-m", "pytest", "-rA", "-c", "/dev/null", "--rootdir", "."]
        ended = subprocess.run(
            [*command, "-p", "no:cacheprovider", *more, "."],
            cwd=tmp_path,
            env={"PYTHONPATH": str(TOP), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.returncode == 1, ended.stderr
        assert "2 failed, 3 passed, 1 skipped" in ended.stdout, ended.stdout + ended.stderr
        assert "assert [1] == [2]" in ended.stdout
        assert "The process of test_a.py ended with 3." in ended.stdout
        numbers = {line for line in ended.stdout.splitlines() if line.strip().isdigit()}
        assert len(numbers) == 2, ended.stdout  # a process per file
