"""Define the exit codes, and end a program with a sentence instead of a traceback."""

import contextlib
import errno
import sys
from collections.abc import Iterator

from core import storage
from core.errors import InputError, TextmillError, printable
from core.gcs.requests import explain_foreign_error, without_beam_suffix

SUCCEEDED = 0
FAILED = 1
INPUT_ERROR = 2  # the user has to fix the text, vocabulary, a setting, a name or a folder
CANCELLED = 3  # the watched run on Vertex AI was cancelled
TERMINATED = 143  # SIGTERM, which a cluster sends before it reclaims a machine
INTERRUPTED = 130  # Ctrl-C; the shell's code for SIGINT
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
    return storage.explain_full_disk(error, path) or explain_foreign_error(error)


def _lacks_memory(error: Exception) -> bool:
    """Return whether Python got no memory, thread or process."""
    is_refused = isinstance(error, OSError) and error.errno == errno.ENOMEM
    return isinstance(error, MemoryError) or is_refused or str(error) == _NO_THREAD
