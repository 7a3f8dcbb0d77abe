"""Define the exit codes, end a program with a sentence, and handle stop signals."""

import contextlib
import errno
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from types import FrameType

from core.errors import InputError, StoppedError, TextmillError, printable
from core.full_disk import explain_full_disk
from core.gcs.requests import explain_foreign_error, without_beam_suffix

SUCCEEDED = 0
FAILED = 1
INPUT_ERROR = 2  # the user has to fix the text, vocabulary, a setting, a name or a folder
CANCELLED = 3  # the watched run on Vertex AI was cancelled
TERMINATED = 143  # SIGTERM, which a cluster sends before it reclaims a machine
INTERRUPTED = 130  # Ctrl-C; the shell's code for SIGINT
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_NO_THREAD = "can't start new thread"  # a RuntimeError of Python


@contextlib.contextmanager
def exit_with_sentence() -> Iterator[None]:
    """Print an error that Textmill can explain, and exit: 2 for input to fix, 1 for any other."""
    try:
        yield
    except Exception as error:
        if (message := explain(error, getattr(error, "filename", None) or ".")) is None:
            raise
        print(f"error: {printable(message)}", file=sys.stderr)
        sys.exit(exit_code(error))


def exit_code(error: Exception) -> int:
    """Return the exit code of a program that an error ends."""
    return INPUT_ERROR if isinstance(error, InputError) else FAILED


def explain(error: Exception, path: str) -> str | None:
    """Return the message for an error, or None for one that Textmill cannot explain.

    Args:
        error: from our code or a library.
        path: the file that it is about if it means a full disk.
    """
    if isinstance(error, TextmillError):
        return without_beam_suffix(str(error))
    if _lacks_memory(error):
        return (
            f"Out of memory ({str(error) or 'no details'}). Set fewer beam.workers, a smaller "
            f"trainer.global_batch_size or a smaller model, and run again."
        )
    return explain_full_disk(error, path) or explain_foreign_error(error)


def _lacks_memory(error: Exception) -> bool:
    """Return whether Python got no memory, thread or process."""
    is_refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or is_refused or str(error) == _NO_THREAD


@contextlib.contextmanager
def handle_signals(
    handler: Callable[[int, FrameType | None], None], numbers: Sequence[signal.Signals]
) -> Iterator[None]:
    """Call a handler for signals that arrive during the block, then restore the earlier handlers.

    Does nothing outside the main thread, because Python delivers signals only there.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    earlier = {number: signal.getsignal(number) for number in numbers}
    try:
        for number in numbers:
            signal.signal(number, handler)
        yield
    finally:
        for number, previous in earlier.items():
            signal.signal(number, previous)


@contextlib.contextmanager
def sigterm_raises() -> Iterator[None]:
    """Raise StoppedError on SIGTERM during the block, so that started work is stopped cleanly.

    Python itself raises only on SIGINT (Ctrl-C), and dies on SIGTERM without cleaning up.
    """

    def stop(number: int, _: FrameType | None) -> None:
        raise StoppedError(128 + number)

    with handle_signals(stop, [signal.SIGTERM]):
        yield
