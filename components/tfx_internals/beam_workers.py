"""End a run when one of Beam's worker processes dies, and end all workers when a run is stopped.

Without this, Beam hangs when a worker dies. Its local runner starts a thread per worker process
(`runners/portability/fn_api_runner/worker_handlers.py`), which raises when the process fails. But
the main thread waits for the worker's response, and only a signal wakes it. When one does, Beam
first waits for all workers to end, and a worker that is still connecting never does. A signal that
this process ignores, as shells make background processes do, stops nothing.
"""

import contextlib
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from core.errors import TextmillError
from core.exit import STOP_SIGNALS

log = logging.getLogger(__name__)
WAKE_SIGNAL = signal.SIGUSR1
WORKER_THREAD = "run_worker"  # Beam's name of the thread that waits for a worker
WORKER_MODULE = b"apache_beam.runners.worker.sdk_worker_main"
KILL_EVERY_SECONDS = 0.1
# An exception raised by a signal is lost inside a destructor or a broad `except`, so it is raised
# again, but only after Beam's servers had their 5 s to close.
RAISE_AGAIN_SECONDS = 10.0


class LostWorkerError(TextmillError):
    """A worker process that died before its work was done."""


@contextlib.contextmanager
def supervise_workers() -> Iterator[None]:
    """Raise when a worker dies, and end all workers when SIGINT or SIGTERM stops the run.

    Does nothing outside the main thread, because Python delivers signals only there.

    Raises:
        LostWorkerError: a worker died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    supervisor = _Supervisor()
    previous_hook, threading.excepthook = threading.excepthook, supervisor.record_failure
    try:
        supervisor.start()
        yield
    finally:
        threading.excepthook = previous_hook
        supervisor.stop()


class _Supervisor:
    """The state of the workers while Beam runs.

    Signal handlers run between any two steps of the main thread, which may hold a lock. So they
    take no lock and start no thread; the supervisor's own thread does the work.
    """

    def __init__(self) -> None:
        self._previous: dict[signal.Signals, Any] = {}  # the handlers before ours
        self._ended = threading.Event()
        self._stopped_by: signal.Signals | None = None
        self._death = ""
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._kill_when_over, daemon=True)

    def start(self) -> None:
        """Handle the stop signals, except those that the process ignores."""
        self._thread.start()
        handlers = {number: signal.getsignal(number) for number in STOP_SIGNALS}
        self._previous = {
            number: handler
            for number, handler in handlers.items()
            if callable(handler) or handler == signal.SIG_DFL
        }
        # getsignal returns None for a handler that C code installed.
        self._previous[WAKE_SIGNAL] = signal.getsignal(WAKE_SIGNAL) or signal.SIG_DFL
        for number in self._previous:
            signal.signal(number, self._on_wake if number == WAKE_SIGNAL else self._on_stop)

    def stop(self) -> None:
        """Restore the signal handlers, after the last signal that the thread may send."""
        try:
            self._ended.set()
            self._thread.join()
        finally:  # a stop signal may interrupt the join
            self._ended.set()
            for number, handler in self._previous.items():
                signal.signal(number, handler)

    def record_failure(self, failure: threading.ExceptHookArgs) -> None:
        """Record that a thread failed."""
        if failure.thread is None or failure.thread.name != WORKER_THREAD:
            log.error("a Beam thread failed: %r", failure.exc_value)
        elif self._stopped_by is None and not self._death:
            self._death = str(failure.exc_value)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        """Call the earlier handler of a stop signal; the run is over only if that raises."""
        previous = self._previous[signal.Signals(number)]
        if previous == signal.SIG_DFL:
            _kill_workers()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        try:
            previous(number, frame)
        except BaseException:
            self._stopped_by = signal.Signals(number)
            raise

    def _on_wake(self, number: int, frame: FrameType | None) -> None:
        """Raise in the main thread what our thread, or that of an outer supervisor, has seen."""
        if self._ended.is_set():
            return
        outer = self._previous[WAKE_SIGNAL]
        if self._stopped_by is not None:
            self._on_stop(self._stopped_by, frame)
        elif self._death:
            raise LostWorkerError(
                f"A Beam worker died ({self._death}). Linux kills processes when memory runs out. "
                f"If memory is short, lower beam.workers. The step kept nothing; run again."
            )
        elif callable(outer):
            outer(number, frame)

    def _kill_when_over(self) -> None:
        """Once the run has to end, kill all workers, including those that Beam starts later."""
        wake_at = 0.0
        while not self._ended.wait(KILL_EVERY_SECONDS):
            if self._stopped_by is None and not self._death:
                continue
            _kill_workers()
            if not wake_at:
                is_first = self._stopped_by is None  # a stop signal has raised once already
                wake_at = time.monotonic() + (0 if is_first else RAISE_AGAIN_SECONDS)
            if time.monotonic() >= wake_at:
                signal.pthread_kill(self._main, WAKE_SIGNAL)
                wake_at = time.monotonic() + RAISE_AGAIN_SECONDS


def _kill_workers() -> None:
    for worker in _workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _workers() -> list[int]:
    """Return the worker processes that this process started, directly or through a shell."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    family = {os.getpid()}
    while children := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= children
    return [pid for pid in family - {os.getpid()} if _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    try:
        return WORKER_MODULE in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
