"""The error of a corpus, and how its file names are printed."""

from core.errors import InputError


class CorpusError(InputError):
    """Text files that cannot become documents as they are."""


def shown(path: str) -> str:
    """A file name for a message: what a terminal could take for a command is escaped."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in path)
