"""The errors that Textmill raises on purpose; each says what, where and what to do."""


class TextmillError(Exception):
    """Something that Textmill found wrong and can explain; the command line prints it alone."""


class InputError(TextmillError):
    """A text, vocabulary, setting or folder that the user has to mend; the command exits with 2."""
