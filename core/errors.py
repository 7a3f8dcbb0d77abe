"""Define the errors that Textmill raises on purpose: what happened, where, and what to do."""

import difflib
from collections.abc import Iterable


class TextmillError(Exception):
    """A problem that Textmill can explain; the command line prints its message without a trace."""


class InputError(TextmillError):
    """A text, vocabulary, setting or folder that the user has to fix; the command exits with 2."""


class StorageError(TextmillError):
    """A file or object that cannot be read or written."""


class StoppedError(SystemExit):
    """SIGTERM or SIGINT arrived, and the work was left in a consistent state.

    The exit code follows the shell's convention: 143 for SIGTERM, 130 for SIGINT.
    """


def printable(text: str) -> str:
    """Replace control characters, which a hostile file name or corpus may contain."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)


def did_you_mean(word: str, names: Iterable[str]) -> str:
    """Return " Did you mean NAME?" for the name closest to a word, ignoring case, or ""."""
    by_lower = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.5)
    return f" Did you mean {by_lower[close[0]]}?" if close else ""
