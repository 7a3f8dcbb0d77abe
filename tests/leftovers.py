"""Fail a CI run whose tests changed the checkout: each test writes to its own folder only."""

import subprocess
from pathlib import Path
from typing import Any

import pytest

CHECKOUT = Path(__file__).parents[1]


def changed_files(checkout: Path) -> set[str]:
    """Return the lines of `git status`, one per changed or new file that git does not ignore."""
    command = ["git", "status", "--porcelain", "--untracked-files=all"]
    done = subprocess.run(command, cwd=checkout, capture_output=True, text=True, check=False)
    return set(done.stdout.splitlines())


class LeftoverCheck:
    """Compares the checkout before and after the tests."""

    def __init__(self, checkout: Path = CHECKOUT) -> None:
        self._checkout = checkout
        self._before = changed_files(checkout)
        self._left: list[str] = []

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail if a test wrote to the checkout."""
        self._left = sorted(changed_files(self._checkout) - self._before)
        if self._left and session.exitstatus == pytest.ExitCode.OK:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Name what was written."""
        for line in self._left:
            terminalreporter.write_line(f"WRITTEN BY A TEST: {line}", red=True)
