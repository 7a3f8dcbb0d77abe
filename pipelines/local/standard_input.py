"""Keep text from standard input in a file for the time of a run."""

import contextlib
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.errors import InputError
from core.full_disk import explaining_full_disk
from core.temporary import TemporaryFolder

STANDARD_INPUT = "-"
FILE_NAME = "stdin"  # part of the text's fingerprint, so the same for every run


@contextlib.contextmanager
def keep_standard_input(names: list[str]) -> Iterator[list[str]]:
    """Yield the paths given as --text, with standard input, written `-`, as a temporary file.

    Raises:
        InputError: `-` is not the only path, or standard input is a terminal.
        StorageError: the disk is full.
    """
    if STANDARD_INPUT not in names:
        yield names
        return
    if len(names) > 1:
        raise InputError("--text -: standard input must be the only text. Write it to a file.")
    if sys.stdin.isatty():
        raise InputError(
            "--text -: standard input is a terminal. Pipe text into it: zcat a.gz | textmill run …"
        )
    with TemporaryFolder("stdin") as folder:
        path = Path(folder, FILE_NAME)
        with explaining_full_disk(str(path)), path.open("wb") as file:
            shutil.copyfileobj(sys.stdin.buffer, file)
        try:
            yield [str(path)]
        except InputError as error:
            error.args = (name_standard_input(str(error)),)
            raise


def name_standard_input(message: str) -> str:
    """Return a message with "standard input" in place of the path of its temporary file."""
    folder = rf"{re.escape(tempfile.gettempdir())}/textmill-stdin-[a-z0-9_]+"
    return re.sub(rf"{folder}(/{FILE_NAME}\b)?", "standard input", message)
