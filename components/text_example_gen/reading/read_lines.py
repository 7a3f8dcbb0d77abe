"""Read a file as lines of bytes: streamed, in bounded memory, and only if it looks like text."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from components.text_example_gen.reading.errors import CorpusError, escape_path
from components.text_example_gen.reading.find_files import CorpusFile
from core import storage
from core.failpoints import failpoint
from core.gcs import requests

CHUNK_BYTES = 1 << 18
RATIO_GRACE_BYTES = 1 << 20  # small files may compress better than the ratio
_BYTE_ORDER_MARKS = {  # the longer ones first: UTF-32's begins with UTF-16's
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class LongLine:
    """Stands for a line that is longer than the limit; its text is discarded."""


Line = bytes | LongLine


class LineReader:
    """Reads one file once.

    Attributes:
        sha256: digest of the file as stored, once it has been read to its end.
    """

    def __init__(self, file: CorpusFile, *, max_line_bytes: int, max_gzip_ratio: int) -> None:
        self._file = file
        self._max_line_bytes = max_line_bytes
        self._max_gzip_ratio = max_gzip_ratio
        self.sha256 = ""

    def __iter__(self) -> Iterator[Line]:
        r"""Yield the lines without their ends; only \n, \r\n and \r end a line.

        Raises:
            CorpusError: the file is damaged, is UTF-16 or UTF-32, expands beyond the allowed
                ratio, or changed while it was read.
        """
        path = escape_path(self._file.path)
        before = _status(self._file)
        try:
            with storage.open_input(self._file.path, self._file.generation) as stream:
                raw = _HashingReader(stream)
                yield from split_lines(self._chunks(raw), self._max_line_bytes)
                while raw.read(CHUNK_BYTES):  # hash the bytes after the gzip stream, if any
                    pass
        except requests.NotFoundError as error:
            raise CorpusError(
                f"{path}: the object was replaced or removed after it was listed. Run again when "
                f"no program writes to it."
            ) from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorpusError(
                f"{path}: the gzip data is cut short or damaged ({error}). Copy the file from its "
                f"source again."
            ) from error
        except OSError as error:
            raise CorpusError(
                f"{path}: cannot read the file ({error.strerror or error}). Change its "
                f"permissions, or exclude it from the pattern."
            ) from error
        if _status(self._file) != before:
            raise CorpusError(
                f"{path}: the file changed while it was read. Run again when no program writes "
                f"to it."
            )
        self.sha256 = raw.hexdigest()

    def _chunks(self, raw: "_HashingReader") -> Iterator[bytes]:
        is_gzip = self._file.name.lower().endswith(".gz")
        stream = gzip.GzipFile(fileobj=raw) if is_gzip else raw  # type: ignore[call-overload]
        size = 0
        while chunk := stream.read(CHUNK_BYTES):
            if not size:
                _refuse_other_encodings(chunk, self._file.path)
            failpoint("read-text")
            size += len(chunk)
            if is_gzip and size > max(RATIO_GRACE_BYTES, self._max_gzip_ratio * raw.size):
                raise CorpusError(
                    f"{escape_path(self._file.path)}: expands to more than {self._max_gzip_ratio} "
                    f"bytes per compressed byte, like a decompression bomb. Exclude the file, or "
                    f"raise text.max_gzip_ratio if the text is real."
                )
            yield chunk


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[Line]:
    """Split chunks into lines; hold at most the limit and one chunk of an overlong line."""
    held = b""  # the start of a line whose end has not come yet
    is_too_long = False
    for chunk in _unix_line_ends(chunks):
        first, *others = chunk.split(b"\n")
        held += first if not is_too_long else b""
        if len(held) > max_line_bytes:
            held, is_too_long = b"", True
        for piece in others:
            yield LongLine() if is_too_long else held
            is_too_long = len(piece) > max_line_bytes
            held = b"" if is_too_long else piece
    if is_too_long:
        yield LongLine()
    elif held:
        yield held


def _unix_line_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""Replace \r\n and \r by \n, also when \r\n is split between two chunks."""
    held = b""
    for chunk in chunks:
        piece = held + chunk
        held = b"\r" if piece.endswith(b"\r") else b""
        if b"\r" in piece:
            piece = piece.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        yield piece
    if held:
        yield b"\n"


def _refuse_other_encodings(head: bytes, path: str) -> None:
    sample = head[:4096]
    marks = (name for mark, name in _BYTE_ORDER_MARKS.items() if sample.startswith(mark))
    encoding = next(marks, None)
    if encoding is None and len(sample) >= 4:
        encoding = _guess_from_zeros(sample)
    if encoding == "":
        raise CorpusError(
            f"{escape_path(path)}:1: this is not text: many bytes are zero. Exclude the file from "
            f"the pattern."
        )
    if encoding:
        raise CorpusError(
            f"{escape_path(path)}:1: the file looks like {encoding}, but only UTF-8 is supported. "
            f"Convert it: iconv -f {encoding} -t UTF-8."
        )


def _guess_from_zeros(sample: bytes) -> str | None:
    """Recognize Latin text in UTF-16 or UTF-32 by its zero bytes; return "" for no text at all."""
    shares = [sample[lane::4].count(0) / len(sample[lane::4]) for lane in range(4)]
    zeros = [share > 0.7 for share in shares]
    if all(zeros):
        return ""
    if zeros in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32" if _decodes(sample, "UTF-32", zeros) else ""
    if zeros in ([False, True, False, True], [True, False, True, False]):
        return "UTF-16" if _decodes(sample, "UTF-16", zeros) else ""
    return None


def _decodes(sample: bytes, encoding: str, zeros: list[bool]) -> bool:
    """Return whether bytes with zeros in these lanes are text in an encoding, and not a program."""
    order = "BE" if zeros[0] else "LE"
    text = sample[: len(sample) // 4 * 4].decode(f"{encoding}-{order}", errors="replace")
    strange = sum(not (c.isprintable() or c.isspace()) or c == "\ufffd" for c in text)
    return strange < 0.05 * len(text)


def _status(file: CorpusFile) -> tuple[int, int] | None:
    """Return size and modification time in ns; None for objects, whose versions never change."""
    if storage.is_remote(file.path):
        return None
    try:
        status = Path(file.path).stat()
    except OSError as error:
        raise CorpusError(
            f"{escape_path(file.path)}: the file is gone. Run again when no program moves the text."
        ) from error
    return status.st_size, status.st_mtime_ns


class _HashingReader:
    """Passes reads on to a stream and keeps the digest and the number of the bytes read."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self.size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
