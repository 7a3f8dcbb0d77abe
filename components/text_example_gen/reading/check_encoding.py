"""Check that text files are UTF-8 and not blank before a run starts anything slow."""

import codecs
from collections.abc import Sequence

from components.settings import TextSettings
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from core import storage
from core.format_numbers import format_count

CHECKED_BYTES = 256 << 20  # of all files together; decoding takes about 0.2 seconds
CHUNK_BYTES = 1 << 20


def check_encoding(root: str, patterns: Sequence[str], settings: TextSettings) -> None:
    """Raise the error that TextExampleGen would raise for the first file that is not UTF-8.

    Gzipped files and files on an object store are not checked, nor is any text when the settings
    say to skip bad lines.

    Raises:
        CorpusError: a line is bad; the message names file, line and column. Or all is blank.
    """
    if settings.on_bad_line != "fail" or storage.is_remote(root):
        return
    left, is_blank = CHECKED_BYTES, True
    files = find_files(root, patterns)
    for file in files:
        if left <= 0:
            return
        if file.name.lower().endswith(".gz"):
            is_blank = False
            continue
        left -= file.size_bytes
        is_utf8, is_file_blank = _check(file)
        is_blank &= is_file_blank
        if not is_utf8:
            for _ in DocumentReader(settings).read(file):
                pass  # read up to the bad line, which raises
    if is_blank:
        raise CorpusError(explain_blank(root, len(files)))


def explain_blank(root: str, files: int) -> str:
    """Return the message for text without a sentence."""
    return (
        f"{escape_path(root)}: {format_count(files, 'file', 'files')} without a single sentence. "
        f"Give text that is not blank."
    )


def _check(file: CorpusFile) -> tuple[bool, bool]:
    """Return whether a file is UTF-8 without zeros, and whether it is blank."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_blank = True
    try:
        with storage.open_input(file.path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                if b"\0" in chunk:  # UTF-16 of Latin text, or no text
                    return False, False
                decoder.decode(chunk)
                is_blank = is_blank and not chunk.strip()
            decoder.decode(b"", final=True)
    except (UnicodeDecodeError, OSError):
        return False, False
    return True, is_blank
