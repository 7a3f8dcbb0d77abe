"""End a program with a sentence and an exit code instead of a traceback."""

import contextlib
import sys
from collections.abc import Iterator

from core import storage
from core.errors import InputError, TextmillError, printable
from core.gcs.requests import explain_tensorflow_error

FAILED, INPUT_ERROR = 1, 2


@contextlib.contextmanager
def exit_with_sentence() -> Iterator[None]:
    """Print an error that Textmill can explain, and exit: 2 for input to fix, 1 for any other."""
    try:
        yield
    except TextmillError as error:
        _exit(str(error), INPUT_ERROR if isinstance(error, InputError) else FAILED)
    except Exception as error:
        full = storage.explain_full_disk(error, getattr(error, "filename", None) or ".")
        if message := full or explain_tensorflow_error(error):
            _exit(message, FAILED)
        raise


def _exit(message: str, code: int) -> None:
    print(f"Error: {printable(message)}", file=sys.stderr)
    sys.exit(code)
