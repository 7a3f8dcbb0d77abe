"""Text to the error that reading it would end with, before anything slow has begun."""

import codecs
from collections.abc import Sequence

from components.settings import TextSettings
from components.text_example_gen.reading.find_files import CorpusFile, find_files
from components.text_example_gen.reading.read_documents import DocumentReader
from core import storage

LOOKED_AT_BYTES = 256 << 20  # of all files together; a fifth of a second of decoding
CHUNK_BYTES = 1 << 20


def check_encoding(root: str, patterns: Sequence[str], settings: TextSettings) -> None:
    """Reads the first files as UTF-8, and a file that is none as TextExampleGen will.

    Gzipped files and those on an object store are left to TextExampleGen; so is all text where
    bad lines are skipped.

    Args:
        root: the corpus folder.
        patterns: of the files in it.
        settings: how they will be read.

    Raises:
        CorpusError: what TextExampleGen will raise, with file, line and column.
    """
    if settings.on_bad_line != "fail" or storage.is_remote(root):
        return
    left = LOOKED_AT_BYTES
    for file in find_files(root, patterns):
        if left <= 0:
            return
        if file.name.lower().endswith(".gz"):
            continue
        left -= file.size_bytes
        if not _is_utf8(file):
            for _ in DocumentReader(settings).read(file):
                pass  # it raises at the line


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
