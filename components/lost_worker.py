"""A Beam worker's death to an error; by itself Beam waits for the dead for ever.

Beam's runner on one machine starts a thread for each worker process, which raises when the process
ends badly; nobody listens (apache_beam/runners/portability/local_job_service.py). The main thread
waits for the worker's answer meanwhile, and only a signal wakes it.
"""

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Iterator
from types import FrameType

from trainer.errors import TextmillError

log = logging.getLogger(__name__)
WAKING = signal.SIGUSR1
WORKER_THREAD = "run_worker"  # what Beam calls the thread that waits for a worker


class LostWorkerError(TextmillError):
    """A worker process died, and what it was at is not done."""


@contextlib.contextmanager
def fail_on_lost_worker() -> Iterator[None]:
    """Raises in the main thread when a worker of Beam dies; elsewhere it does nothing.

    Raises:
        LostWorkerError: a worker died.
    """
    if threading.current_thread() is not threading.main_thread():
        yield  # only there does Python take signals
        return
    deaths: list[str] = []
    hook_before = threading.excepthook

    def note(failure: threading.ExceptHookArgs) -> None:
        if failure.thread is None or failure.thread.name != WORKER_THREAD:
            log.error("a thread of Beam failed: %r", failure.exc_value)
            return
        deaths.append(str(failure.exc_value))
        os.kill(os.getpid(), WAKING)

    def wake(_: int, __: FrameType | None) -> None:
        raise LostWorkerError(
            f"A Beam worker died ({deaths[-1] if deaths else 'killed'}). Linux kills processes "
            f"when memory runs out: if it is short, set fewer beam.workers. Nothing of the step "
            f"is kept; run again."
        )

    handler_before = signal.signal(WAKING, wake)
    threading.excepthook = note
    try:
        yield
    finally:
        threading.excepthook = hook_before
        signal.signal(WAKING, handler_before)
