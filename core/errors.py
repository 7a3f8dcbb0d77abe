"""The errors that Textmill raises on purpose; each says what, where and what to do."""


class TextmillError(Exception):
    """Something that Textmill found wrong and can explain; the command line prints it alone."""


class InputError(TextmillError):
    """A text, vocabulary, setting or folder that the user has to mend; the command exits with 2."""


class StoppedError(SystemExit):
    """SIGTERM or SIGINT came, and the work was left in good order.

    The code is the shell's for the signal: 143 or 130.
    """


def printable(text: str) -> str:
    """The text without control characters, which a hostile file name or corpus may hold."""
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in text)
