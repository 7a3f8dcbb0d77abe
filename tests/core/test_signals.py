"""Stop signals during a block of work."""

import os
import signal
import threading

import pytest

from core.errors import StoppedError
from core.signals import sigterm_raises


def test_sigterm_raises_and_the_earlier_handler_is_restored() -> None:
    earlier = signal.getsignal(signal.SIGTERM)
    with pytest.raises(StoppedError) as stopped, sigterm_raises():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) == earlier


def test_another_thread_handles_no_signals() -> None:
    earlier = signal.getsignal(signal.SIGTERM)
    during = []

    def work() -> None:
        with sigterm_raises():
            during.append(signal.getsignal(signal.SIGTERM))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert during == [earlier]
