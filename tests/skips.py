"""Count the skipped tests, and fail on one that is not in skips.yaml with a reason."""

import os
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

LIST = Path(__file__).with_name("skips.yaml")
Skips = Counter[str]  # by reason


def refused(skips: Skips, allowed: list[dict[str, Any]], *, in_ci: bool) -> list[str]:
    """Return the reasons of skips that the list does not allow."""
    patterns = [entry["reason"] for entry in allowed if entry["in_ci"] or not in_ci]
    return sorted(reason for reason in skips if not any(re.search(p, reason) for p in patterns))


class SkipCounter:
    """Counts skips in the process that reports to the user, which hears of all others'."""

    def __init__(self) -> None:
        self.skips: Skips = Counter()

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count a skipped test."""
        self._count(report)

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Count a skipped file."""
        self._count(report)

    def _count(self, report: pytest.TestReport | pytest.CollectReport) -> None:
        if report.skipped and isinstance(report.longrepr, tuple):
            self.skips[report.longrepr[2].removeprefix("Skipped: ")] += 1

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Fail if a skip is not allowed."""
        if self._refused() and session.exitstatus in (0, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the skips by reason."""
        if not self.skips:
            return
        terminalreporter.section(f"{self.skips.total()} skipped")
        for reason, count in sorted(self.skips.items()):
            terminalreporter.write_line(f"{count} × {reason}")
        for reason in self._refused():
            terminalreporter.write_line(
                f"NOT ALLOWED: {reason!r}. Run the test, or list it in tests/skips.yaml.", red=True
            )

    def _refused(self) -> list[str]:
        allowed = yaml.safe_load(LIST.read_text(encoding="utf-8"))
        return refused(self.skips, allowed, in_ci="CI" in os.environ)
