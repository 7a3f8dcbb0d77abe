"""Stop signals end the run and its Beam workers; signals that stop nothing end no worker."""

import contextlib
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from components.tfx_internals import beam_workers
from components.tfx_internals.beam_workers import LostWorkerError, supervise_workers
from core.errors import StoppedError

LONG_SECONDS = 20.0


def interrupt(number: int, _: FrameType | None) -> None:
    raise StoppedError(128 + number)


def ignore(_: int, __: FrameType | None) -> None:
    """Handle a signal without stopping anything."""


@pytest.fixture
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Start a process that looks like one of Beam's workers."""
    waiting = "import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", waiting, beam_workers.WORKER_MODULE.decode()])
    yield process
    process.kill()
    process.wait()


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def number(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """Yield a stop signal and restore its handler after the test."""
    before = signal.getsignal(request.param)
    yield request.param
    signal.signal(request.param, before)


@pytest.mark.parametrize("handler", [signal.SIG_IGN, ignore])
def test_a_signal_that_does_not_stop_the_run_leaves_its_workers_alone(
    worker: subprocess.Popen[bytes], number: signal.Signals, handler: Any
) -> None:
    """A shell starts background processes with SIGINT ignored."""
    signal.signal(number, handler)
    with supervise_workers():
        signal.raise_signal(number)
        time.sleep(5 * beam_workers.KILL_EVERY_SECONDS)
        assert worker.poll() is None
    assert signal.getsignal(number) == handler


def test_a_stop_signal_ends_the_workers(
    worker: subprocess.Popen[bytes], number: signal.Signals
) -> None:
    signal.signal(number, interrupt)
    with pytest.raises(StoppedError), supervise_workers():
        try:
            signal.raise_signal(number)
        finally:  # Beam waits for its workers here
            assert worker.wait(LONG_SECONDS) == -signal.SIGKILL
    assert signal.getsignal(number) == interrupt


def test_a_swallowed_stop_is_raised_again(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam_workers, "RAISE_AGAIN_SECONDS", 0.3)
    signal.signal(number, interrupt)
    swallowed = 0
    with pytest.raises(StoppedError), supervise_workers(), supervise_workers():
        for _ in range(2):
            try:
                signal.raise_signal(number) if not swallowed else time.sleep(LONG_SECONDS)
            except StoppedError:
                swallowed += 1
        threading.Event().wait(LONG_SECONDS)
    assert swallowed == 2
    assert signal.getsignal(number) == interrupt


def test_a_stop_swallowed_before_beam_starts_is_raised_again(
    number: signal.Signals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(beam_workers, "RAISE_AGAIN_SECONDS", 0.3)
    signal.signal(number, interrupt)
    with pytest.raises(StoppedError), supervise_workers():
        with contextlib.suppress(StoppedError):
            signal.raise_signal(number)
        with supervise_workers():
            threading.Event().wait(LONG_SECONDS)


def test_a_dead_worker_ends_the_work() -> None:
    def run_worker() -> None:
        raise RuntimeError("return code -9")

    with pytest.raises(LostWorkerError, match="return code -9"), supervise_workers():
        threading.Thread(target=run_worker, name=beam_workers.WORKER_THREAD).start()
        threading.Event().wait(LONG_SECONDS)
