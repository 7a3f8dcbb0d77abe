"""Show the progress of long work: a bar on a terminal, and a line now and then elsewhere.

Whatever ends within seconds shows nothing. The display has a thread of its own, so that work that
calls a library for minutes shows at least how long it has been running.
"""

import contextlib
import logging
import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOW_AFTER_SECONDS = 3.0
LINE_EVERY_SECONDS = 30.0  # where there is no terminal
REFRESH_SECONDS = 0.5
Advance = Callable[[int], None]


@dataclass
class Task:
    """Work in progress."""

    label: str  # for example "VocabularyGen"
    unit: str  # for example "documents"
    total: int | None  # None: unknown
    count: Callable[[], int] | None  # reads how much is done; None: the work says it
    started: float = field(default_factory=time.monotonic)
    done: int = 0

    def advance(self, number: int) -> None:
        """Record that so much more is done."""
        self.done += number

    def look(self) -> None:
        """Find out how much is done."""
        if self.count is not None:
            self.done = self.count()

    def describe(self) -> str:
        """Return for example "12 of 40 documents, 3 documents/s, 0:09 left"."""
        now = time.monotonic()
        of_total = "" if self.total is None else f" of {self.total:,}"
        if not self.done:
            return f"{format_clock(now - self.started)} so far"
        rate = self.done / max(1e-9, now - self.started)
        speed = f"{rate:,.0f}" if rate >= 10 else f"{rate:.2g}"
        text = f"{self.done:,}{of_total} {self.unit}, {speed} {self.unit}/s"
        if self.total is None:
            return text
        return f"{text}, {format_clock(max(0, self.total - self.done) / rate)} left"


@contextlib.contextmanager
def show_progress(
    label: str, unit: str = "", total: int | None = None, count: Callable[[], int] | None = None
) -> Iterator[Advance]:
    """Show the progress of the block. Within another one, the inner block is shown.

    Args:
        label: what is shown first, for example the name of a node.
        unit: what is counted, in the plural.
        total: how much there is to do; None: unknown.
        count: returns how much is done, for work in other processes; None: the block calls what
            this yields, with the number of units that were just done.
    """
    task = Task(label, unit, total, count)
    _display.push(task)
    try:
        yield task.advance
    finally:
        _display.pop(task)


@contextlib.contextmanager
def print_messages(logger: str) -> Iterator[None]:
    """Print the messages of a logger now and then, unless a terminal can show the same as a bar."""
    handler = _Lines()
    if not can_draw():
        logging.getLogger(logger).addHandler(handler)
    try:
        yield
    finally:
        logging.getLogger(logger).removeHandler(handler)


def can_draw() -> bool:
    """Return whether standard error is a terminal that can draw a line again."""
    return sys.stderr.isatty() and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")


class _Lines(logging.Handler):
    """Print a message if the one before it is long ago."""

    _last_line = -math.inf

    def emit(self, record: logging.LogRecord) -> None:
        if time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            _print_line(record.getMessage())


def _print_line(text: str) -> None:
    print(f"   {text}", file=sys.stderr, flush=True)


def format_clock(seconds: float) -> str:
    """Return 0:42, or 1:02:03."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


class _Display:
    """Show the innermost of the tasks in progress; the outermost decides when to begin."""

    def __init__(self) -> None:
        self._tasks: list[Task] = []
        self._stop = threading.Event()
        self._thread = threading.Thread()
        self._bar: Progress | None = None
        self._last_line = 0.0

    def push(self, task: Task) -> None:
        self._tasks.append(task)
        if len(self._tasks) == 1:
            self._stop.clear()
            self._last_line = task.started - LINE_EVERY_SECONDS
            self._thread = threading.Thread(target=self._refresh, daemon=True)
            self._thread.start()

    def pop(self, task: Task) -> None:
        if len(self._tasks) == 1:
            self._stop.set()
            self._thread.join()
            if self._bar is not None:
                self._bar.stop()
                self._bar = None
        self._tasks.remove(task)

    def _refresh(self) -> None:
        while not self._stop.wait(REFRESH_SECONDS):
            if time.monotonic() - self._tasks[0].started >= SHOW_AFTER_SECONDS:
                self._show(self._tasks[-1])

    def _show(self, task: Task) -> None:
        task.look()
        if not can_draw():
            if time.monotonic() - self._last_line >= LINE_EVERY_SECONDS:
                self._last_line = time.monotonic()
                _print_line(f"{task.label}: {task.describe()}")
            return
        self._bar = self._bar or _start_bar()
        self._bar.update(
            self._bar.task_ids[0],
            description=task.label,
            total=task.total if task.done else None,  # without a total, the bar pulses
            completed=task.done,
            text=task.describe(),
        )


def _start_bar() -> "Progress":
    from rich import progress
    from rich.console import Console

    bar = progress.Progress(
        progress.TextColumn("   {task.description}"),
        progress.BarColumn(bar_width=20),
        progress.TextColumn("{task.fields[text]}"),
        console=Console(stderr=True, highlight=False),
        transient=True,
    )
    bar.start()
    bar.add_task("", total=None, text="")
    return bar


_display = _Display()
