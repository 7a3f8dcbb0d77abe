"""A skip that no list allows and a file left in the checkout fail the run."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.leftovers import changed_files
from tests.skips import refused

TOP = Path(__file__).parents[1]
ALLOWED = [{"reason": "no browser", "in_ci": False}, {"reason": "FULL=1", "in_ci": True}]
SKIPPED = """
import pytest

@pytest.mark.skip(reason={reason!r})
def test_it() -> None: ...

def test_another() -> None: ...
"""


def test_ci_allows_fewer_skips_and_nobody_an_unknown_one() -> None:
    skips = Counter({"there is no browser": 2, "make faults FULL=1": 1, "flaky": 1})
    assert refused(skips, ALLOWED, in_ci=False) == ["flaky"]
    assert refused(skips, ALLOWED, in_ci=True) == ["flaky", "there is no browser"]


@pytest.mark.parametrize(
    ("reason", "in_ci", "workers", "code"),
    [
        ("flaky", False, "2", 1),
        ("no C compiler", True, "0", 0),
        ("make minilm", False, "0", 0),
        ("make minilm", True, "0", 1),
    ],
)
def test_the_exit_code_says_so(
    tmp_path: Path, reason: str, in_ci: bool, workers: str, code: int
) -> None:
    (tmp_path / "conftest.py").write_text((TOP / "tests/conftest.py").read_text(encoding="utf-8"))
    (tmp_path / "test_it.py").write_text(SKIPPED.format(reason=reason))
    environment = {k: v for k, v in os.environ.items() if k != "CI"} | {"PYTHONPATH": str(TOP)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-n", workers, str(tmp_path), "--rootdir", str(tmp_path)],
        env={**environment, **({"CI": "1"} if in_ci else {})},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert f"1 × {reason}" in done.stdout
    assert ("NOT ALLOWED" in done.stdout) == (code == 1)


def test_files_that_tests_leave_in_the_checkout_are_found(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("work/\n")
    before = changed_files(tmp_path)
    (tmp_path / "work").mkdir()
    (tmp_path / "work/ignored").touch()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/left.txt").touch()
    assert changed_files(tmp_path) - before == {"?? folder/left.txt"}
