"""Define the error for text that cannot be used, and escape file names for messages."""

from core.errors import InputError


class CorpusError(InputError):
    """Report text files that cannot become documents as they are."""


def escape_path(path: str) -> str:
    """Return a file name for a message, with characters escaped that a terminal might obey."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)
