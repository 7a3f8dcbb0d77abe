"""Define the error for text that cannot be used, and escape file names for messages."""

import errno

from core.errors import InputError


class CorpusError(InputError):
    """Report text files that cannot become documents as they are."""


def escape_path(path: str) -> str:
    """Return a file name for a message, with characters escaped that a terminal might obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)


def explain_unreadable(path: str, error: OSError) -> CorpusError:
    """Return the error for a file that was listed, but cannot be read."""
    if error.errno == errno.ENOENT:
        return CorpusError(
            f"{escape_path(path)}: the file is gone. Run again when no program moves the text."
        )
    return CorpusError(
        f"{escape_path(path)}: cannot read the file ({error.strerror or error}). Change its "
        f"permissions, or exclude it from the pattern."
    )
