"""How a program ends: by a sentence, by a traceback, or by a stop signal."""

import errno
import os
import signal
import threading

import pytest

from core.errors import InputError, StoppedError, StorageError
from core.exit import exit_with_sentence, sigterm_raises


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("a.txt: is empty."), 2, "error: a.txt: is empty."),
        (StorageError("gs://b/a: is gone.\x1b[2J"), 1, "error: gs://b/a: is gone.\ufffd[2J"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/a"), 1, "error: /w/a: cannot be"),
    ],
)
def test_what_can_be_explained_is_a_sentence(
    error: Exception, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, exit_with_sentence():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(message)


def test_what_cannot_be_explained_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="a defect"), exit_with_sentence():
        raise ValueError("a defect")


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
