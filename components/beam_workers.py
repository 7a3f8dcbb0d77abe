"""Beam's worker processes: one that dies is an error, and none outlives a run that is stopped.

By itself Beam waits for the dead for ever. Its runner on one machine starts a thread for each
worker process, which raises when the process ends badly, and nobody listens
(apache_beam/runners/portability/local_job_service.py); the main thread waits for the worker's
answer meanwhile, and only a signal wakes it. When it is woken, by Ctrl-C too, it first waits for
all workers to end, of which one that has only begun to connect never does.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from trainer.errors import TextmillError

log = logging.getLogger(__name__)
WAKING = signal.SIGUSR1
STOPPING = (signal.SIGINT, signal.SIGTERM)
WORKER_THREAD = "run_worker"  # what Beam calls the thread that waits for a worker
WORKER_MODULE = b"apache_beam.runners.worker.sdk_worker_main"
KILL_EVERY_SECONDS = 0.1


class LostWorkerError(TextmillError):
    """A worker process died, and what it was at is not done."""


@contextlib.contextmanager
def mind_workers() -> Iterator[None]:
    """Raises when a worker dies; ends all workers when SIGINT or SIGTERM comes.

    Outside of the main thread, where Python takes no signals, it does nothing.

    Raises:
        LostWorkerError: a worker died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    watch = _Watch()
    hook_before, threading.excepthook = threading.excepthook, watch.note
    handlers_before = {
        number: signal.signal(number, handler)
        for number, handler in [(WAKING, watch.wake), *((n, watch.stop) for n in STOPPING)]
    }
    watch.handlers = handlers_before
    try:
        yield
    finally:
        watch.ended.set()
        threading.excepthook = hook_before
        for number, handler in handlers_before.items():
            signal.signal(number, handler)


class _Watch:
    """What is known of the workers while Beam is at work."""

    def __init__(self) -> None:
        self.handlers: dict[signal.Signals, Any] = {}  # those that were there before
        self.ended = threading.Event()
        self._stopping = False
        self._death = ""

    def note(self, failure: threading.ExceptHookArgs) -> None:
        """A thread failed."""
        if failure.thread is None or failure.thread.name != WORKER_THREAD:
            log.error("a thread of Beam failed: %r", failure.exc_value)
        elif not self._stopping:
            self._death = str(failure.exc_value)
            os.kill(os.getpid(), WAKING)

    def wake(self, _: int, __: FrameType | None) -> None:
        """A worker died: the others are of no use any more."""
        if self._stopping:
            return
        self._end_workers()
        raise LostWorkerError(
            f"A Beam worker died ({self._death}). Linux kills processes when memory runs out: if "
            f"it is short, set fewer beam.workers. Nothing of the step is kept; run again."
        )

    def stop(self, number: int, frame: FrameType | None) -> None:
        """Somebody stops the run: what was to be done then comes after."""
        self._end_workers()
        before = self.handlers[signal.Signals(number)]
        if callable(before):
            before(number, frame)
        elif before == signal.SIG_DFL:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    def _end_workers(self) -> None:
        """Kills those that are there, and those that a thread of Beam has yet to start."""
        if self._stopping:
            return
        self._stopping = True
        threading.Thread(target=self._keep_killing, daemon=True).start()

    def _keep_killing(self) -> None:
        while True:
            for worker in _workers():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(worker, signal.SIGKILL)
            if self.ended.wait(KILL_EVERY_SECONDS):
                return


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
