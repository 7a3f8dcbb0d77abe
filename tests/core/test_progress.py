"""Long work shows how much is done, how fast, and when it ends; short work shows nothing."""

import logging
import time
from collections.abc import Iterator

import pytest

from core import progress
from core.progress import Task, show_progress


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show progress from the first moment, as if the work took long."""
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.01)
    yield


def test_rate_and_time_left_follow_from_what_is_done() -> None:
    task = Task("Node", "documents", 4000, None, started=time.monotonic() - 10, done=1000)
    task.look()
    assert task.describe() == "1,000 of 4,000 documents, 100 documents/s, 0:30 left"
    slow = Task("Node", "shards", 4, None, started=time.monotonic() - 4000, done=1)
    slow.look()
    assert slow.describe() == "1 of 4 shards, 0.00025 shards/s, 3:20:00 left"
    assert Task("Node", "", None, None, started=time.monotonic() - 75).describe() == "1:15 so far"


@pytest.mark.parametrize("has_dumb_terminal", [False, True])
def test_lines_are_printed_where_no_bar_can_be_drawn(
    at_once: None,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    has_dumb_terminal: bool,
) -> None:
    if has_dumb_terminal:
        monkeypatch.setattr("sys.stderr.isatty", lambda: True)
        monkeypatch.setenv("TERM", "dumb")
    with show_progress("Outer"), show_progress("Inner", "steps", 10) as advance:
        advance(5)
        time.sleep(0.2)
    lines = capfd.readouterr().err.splitlines()
    assert len(lines) > 2
    assert lines[-1].startswith("   Inner: 5 of 10 steps, ")
    assert lines[-1].endswith(" left")
    assert "\x1b" not in "".join(lines)


def test_short_work_prints_nothing_and_long_work_a_line_now_and_then(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.01)
    with show_progress("Short"):
        time.sleep(0.1)
    assert capfd.readouterr().err == ""
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0.05)
    with show_progress("Long"):
        time.sleep(0.3)
    assert capfd.readouterr().err.count("Long: ") == 1


def test_a_bar_is_drawn_on_a_terminal_and_removed_at_the_end(
    at_once: None, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    with show_progress("Node", "documents", 8, lambda: 2):
        time.sleep(0.5)
    drawn = capfd.readouterr().err
    assert "Node" in drawn
    assert "2 of 8 documents, " in drawn
    assert drawn.endswith("\x1b[2K"), "the line is erased"


def test_messages_of_a_logger_are_printed_now_and_then(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    logger = logging.getLogger("some.training")
    logger.setLevel(logging.INFO)
    with progress.print_messages("some.training"):
        logger.info("step %d", 1)
        logger.info("step %d", 2)
        monkeypatch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
        logger.info("step %d", 3)
    logger.info("step %d", 4)
    assert capfd.readouterr().err == "   step 1\n   step 3\n"


def test_work_that_fails_ends_its_display(at_once: None, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="no"), show_progress("Node"):
        raise ValueError("no")
    capfd.readouterr()
    time.sleep(0.1)
    assert capfd.readouterr().err == ""
