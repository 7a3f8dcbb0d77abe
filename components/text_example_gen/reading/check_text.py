"""Check text files before a run starts anything slow."""

import codecs
import io
import itertools
from collections.abc import Sequence
from typing import TypeVar

from components.text_example_gen.quality.language import check_languages
from components.text_example_gen.reading.compression import DAMAGE, decompress, find_compression
from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.file_kinds import find_layout
from components.text_example_gen.reading.find_files import CorpusFile
from components.text_example_gen.reading.find_sources import Patterns, find_sources
from components.text_example_gen.reading.read_documents import DocumentReader
from components.text_example_gen.reading.stored_file import StoredFile, open_stored
from components.text_settings import TextSettings
from core import storage
from core.format_numbers import format_count

CHECKED_BYTES = 256 << 20  # of all files together; decoding takes about 0.2 seconds
CHECKED_RECORDS = 1000  # of each file
CHECKED_REMOTE_FILES = 8  # on an object store, of all sources together, but one of each
HEAD_BYTES = 1 << 16  # of each of those
LAYOUT_BYTES = 4096
_File = TypeVar("_File")


def check_text(root: str, patterns: Patterns, settings: TextSettings) -> None:
    """Raise the error that TextExampleGen would raise for the first file that it would refuse.

    The checks are those that take little time: the kind of each file, the first records, and that
    plain text is UTF-8 and has no overlong line. Lines and records are not checked when the
    settings say to skip bad ones. Of text on an object store, only the kinds of a few files are
    checked, one request for each.

    Raises:
        CorpusError: a file is not text, or a line or record is bad; the message names its place. Or
            all is blank.
        LanguageFilterError: the text is to be filtered by language, which is not possible here.
    """
    check_languages(settings)
    files = find_sources(root, patterns)
    if storage.is_remote(root):
        _check_remote(root, files, settings)
        return
    left, is_blank = CHECKED_BYTES, True
    for file in files:
        if left <= 0:
            return
        left -= file.size_bytes
        is_blank &= _check_file(file, settings.for_source(file.source))
    if is_blank:
        raise CorpusError(explain_blank(files[0].path if len(files) == 1 else root, len(files)))


def _check_remote(root: str, files: Sequence[CorpusFile], settings: TextSettings) -> None:
    if not any(file.size_bytes for file in files):
        raise CorpusError(explain_blank(root, len(files)))
    by_source: dict[str, list[CorpusFile]] = {}
    for file in files:
        by_source.setdefault(file.source, []).append(file)
    chosen = [file for of in by_source.values() for file in choose_files(of, len(by_source))]
    for file, head in zip(chosen, storage.transfer(_read_head, chosen), strict=True):
        check_head(head, file.path, settings.for_source(file.source))


def _read_head(file: CorpusFile) -> bytes:
    return storage.read_range(file.path, 0, HEAD_BYTES)


def choose_files(files: Sequence[_File], sources: int) -> Sequence[_File]:
    """Return some files of one of several sources, the first and others at even distances."""
    number = max(1, CHECKED_REMOTE_FILES // sources)
    return files[:: -(-len(files) // number)]


def check_head(head: bytes, path: str, settings: TextSettings) -> None:
    """Refuse a file whose first `HEAD_BYTES` are not those of text.

    Raises:
        CorpusError: see `find_layout`.
    """
    compression = find_compression(head, path)
    try:
        content = decompress(io.BytesIO(head), compression).read(LAYOUT_BYTES)
    except (*DAMAGE, OSError):  # so little of it cannot be decompressed, or it is damaged
        return
    find_layout(content, path, settings)


def explain_blank(root: str, files: int) -> str:
    """Return the message for text without a sentence."""
    return (
        f"{escape_path(root)}: {format_count(files, 'file', 'files')} without a single sentence. "
        f"Give text that is not blank."
    )


def _check_file(file: CorpusFile, settings: TextSettings) -> bool:
    """Check a file, and return whether it is blank; plain text that is compressed never is."""
    reader = DocumentReader(settings)
    with open_stored(file, settings.max_gzip_ratio) as stored:
        layout = find_layout(stored.head, file.path, settings)
        if layout not in ("lines", "prose"):
            records = itertools.islice(reader.read_records(stored, layout, file), CHECKED_RECORDS)
            return not any([record.text.strip() for record in records] + [reader.first_bad_line])
        if stored.compression:
            return False
        has_bad_line, is_blank = _check_plain(stored, settings.max_line_bytes)
    if has_bad_line and settings.on_bad_line == "fail":
        for _ in reader.read(file):
            pass  # read up to the bad line, which raises
    return is_blank


def _check_plain(stored: StoredFile, max_line_bytes: int) -> tuple[bool, bool]:
    """Return whether plain text has a bad line, and whether it is blank.

    A line that is too long by less than a chunk may pass.
    """
    decoder = codecs.getincrementaldecoder("utf-8")()
    is_blank, line_bytes = True, 0
    try:
        for chunk in stored.chunks():
            is_blank = is_blank and not chunk.strip()
            decoder.decode(chunk)
            end = max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))
            line_bytes = len(chunk) - end - 1 + (line_bytes if end < 0 else 0)
            if line_bytes > max_line_bytes:
                return True, False
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return True, False
    return False, is_blank
