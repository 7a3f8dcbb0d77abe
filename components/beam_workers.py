"""Beam's worker processes: one that dies is an error, and none outlives a run that is stopped.

By itself Beam waits for the dead for ever. Its runner on one machine starts a thread for each
worker process, which raises when the process ends badly, and nobody listens
(apache_beam/runners/portability/local_job_service.py); the main thread waits for the worker's
answer meanwhile, and only a signal wakes it. When it is woken, by Ctrl-C too, it first waits for
all workers to end, of which one that has only begun to connect never does.

A signal that this process ignores, as one does that a shell started in the background, stops
nothing: its workers are left alone, too.
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

log = logging.getLogger(__name__)
WAKING = signal.SIGUSR1
STOPPING = (signal.SIGINT, signal.SIGTERM)
WORKER_THREAD = "run_worker"  # what Beam calls the thread that waits for a worker
WORKER_MODULE = b"apache_beam.runners.worker.sdk_worker_main"
KILL_EVERY_SECONDS = 0.1
# An exception that a signal raises is lost if it comes in a destructor or in code that catches
# all; so it is raised again, but not before Beam's servers had their 5 s to close.
RAISE_AGAIN_SECONDS = 10.0


class LostWorkerError(TextmillError):
    """A worker process died, and what it was at is not done."""


@contextlib.contextmanager
def mind_workers() -> Iterator[None]:
    """Raises when a worker dies; ends all workers when SIGINT or SIGTERM stops the run.

    Outside of the main thread, where Python takes no signals, it does nothing.

    Raises:
        LostWorkerError: a worker died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = _Watch()
    hook_before, threading.excepthook = threading.excepthook, watch.note
    try:
        watch.begin()
        yield
    finally:
        threading.excepthook = hook_before
        watch.end()


class _Watch:
    """What is known of the workers while Beam is at work.

    Handlers of signals run between any two steps of the main thread, which may hold a lock: they
    take none themselves, start no thread, and leave all that to the watch's own.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}  # the handlers that were there
        self._ended = threading.Event()
        self._stopped_by: signal.Signals | None = None
        self._death = ""
        self._main = threading.get_ident()
        self._thread = threading.Thread(target=self._look, name="mind_workers", daemon=True)

    def begin(self) -> None:
        """Takes the signals over, but for those that are ignored."""
        self._thread.start()
        found = {number: signal.getsignal(number) for number in STOPPING}
        self._before = {
            number: handler
            for number, handler in found.items()
            if callable(handler) or handler == signal.SIG_DFL
        }
        self._before[WAKING] = signal.getsignal(WAKING) or signal.SIG_DFL  # None: of C code
        for number in self._before:
            signal.signal(number, self._wake if number == WAKING else self._stop)

    def end(self) -> None:
        """Gives the signals back, after the last that the thread may have sent."""
        try:
            self._ended.set()
            self._thread.join()
        finally:  # a stop may come in the middle of this
            self._ended.set()
            for number, handler in self._before.items():
                signal.signal(number, handler)

    def note(self, failure: threading.ExceptHookArgs) -> None:
        """A thread failed."""
        if failure.thread is None or failure.thread.name != WORKER_THREAD:
            log.error("a thread of Beam failed: %r", failure.exc_value)
        elif self._stopped_by is None and not self._death:
            self._death = str(failure.exc_value)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        """Somebody may want to stop the run: so does whoever's handler was there before.

        If that one raises nothing, the work goes on, and needs its workers.
        """
        before = self._before[signal.Signals(number)]
        if before == signal.SIG_DFL:
            _kill_workers()
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
            return
        try:
            before(number, frame)
        except BaseException:
            self._stopped_by = signal.Signals(number)
            raise

    def _wake(self, number: int, frame: FrameType | None) -> None:
        """The thread has something to tell the main thread; or that of a watch around this one."""
        if self._ended.is_set():
            return
        outer = self._before[WAKING]
        if self._stopped_by is not None:
            self._stop(self._stopped_by, frame)
        elif self._death:
            raise LostWorkerError(
                f"A Beam worker died ({self._death}). Linux kills processes when memory runs out: "
                f"if it is short, set fewer beam.workers. Nothing of the step is kept; run again."
            )
        elif callable(outer):
            outer(number, frame)

    def _look(self) -> None:
        """Once the run is to end: kills all workers, also those that Beam has yet to start."""
        wake_at = 0.0
        while not self._ended.wait(KILL_EVERY_SECONDS):
            if self._stopped_by is None and not self._death:
                continue
            _kill_workers()
            if not wake_at:
                soon = self._stopped_by is None  # a stop has been raised once already
                wake_at = time.monotonic() + (0 if soon else RAISE_AGAIN_SECONDS)
            if time.monotonic() >= wake_at:
                signal.pthread_kill(self._main, WAKING)
                wake_at = time.monotonic() + RAISE_AGAIN_SECONDS


def _kill_workers() -> None:
    for worker in _workers():
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)


def _workers() -> list[int]:
    """The worker processes that this process has started, also by way of a shell."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # it ended between two looks
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
    ours = {os.getpid()}
    while more := {pid for pid, parent in parents.items() if parent in ours} - ours:
        ours |= more
    return [pid for pid in ours - {os.getpid()} if _is_worker(pid)]


def _is_worker(pid: int) -> bool:
    try:
        return WORKER_MODULE in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
