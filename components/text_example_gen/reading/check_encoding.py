"""Check that text files are UTF-8 before a run starts anything slow."""

import codecs
from collections.abc import Sequence

from components.settings import TextSettings
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from core import storage

CHECKED_BYTES = 256 << 20  # of all files together; decoding takes about 0.2 seconds
CHUNK_BYTES = 1 << 20


def check_encoding(root: str, patterns: Sequence[str], settings: TextSettings) -> None:
    """Raise the error that TextExampleGen would raise for the first file that is not UTF-8.

    Gzipped files and files on an object store are not checked, nor is any text when the settings
    say to skip bad lines.

    Raises:
        CorpusError: a line is bad; the message names file, line and column.
    """
    if settings.on_bad_line != "fail" or storage.is_remote(root):
        return
    left = CHECKED_BYTES
    for file in find_files(root, patterns):
        if left <= 0:
            return
        if file.name.lower().endswith(".gz"):
            continue
        left -= file.size_bytes
        if not _is_utf8(file):
            for _ in DocumentReader(settings).read(file):
                pass  # read up to the bad line, which raises


def _is_utf8(file: CorpusFile) -> bool:
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with storage.open_input(file.path) as stream:
            while chunk := stream.read(CHUNK_BYTES):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except (UnicodeDecodeError, OSError):
        return False
    return True
