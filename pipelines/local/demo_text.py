"""Write the demo's text: the prose of Python's language reference, shipped with Textmill.

The file holds 127 sections of the reference of Python 3.10, one sentence per line, with a blank
line after each section. Code, grammar, tables, headings and repeated paragraphs were left out, so
no held-out text is trained on. Copyright 2001-2023 Python Software Foundation; used under the
Python Software Foundation License Version 2 (see NOTICE).
"""

from pathlib import Path

from core import storage
from core.errors import InputError

FILE = "language_reference.txt"


def write_demo_text(folder: Path) -> int:
    """Write the text as one file, atomically.

    Returns:
        The number of documents in it.

    Raises:
        InputError: the folder cannot be written.
    """
    text = Path(__file__).with_name(FILE).read_bytes()
    try:
        storage.write_bytes(str(folder / FILE), text)
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be written ({error.strerror}). Give another folder."
        ) from error
    return len(text.strip().split(b"\n\n"))
