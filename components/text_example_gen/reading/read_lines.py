"""A file to lines of bytes: streamed, bounded, and refused where it is not what it seems."""

import gzip
import hashlib
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from components.text_example_gen.errors import CorpusError, shown
from components.text_example_gen.reading.find_files import CorpusFile
from core import storage
from core.failpoints import failpoint

CHUNK_BYTES = 1 << 18
RATIO_GRACE_BYTES = 1 << 20  # a small file may be as regular as it likes
_MARKS = {  # the longer ones first: UTF-32's begins with UTF-16's
    b"\xff\xfe\0\0": "UTF-32",
    b"\0\0\xfe\xff": "UTF-32",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


class LongLine:
    """Stands for a line that is longer than the limit and was not kept."""


Line = bytes | LongLine


class LineReader:
    """Reads one file once; afterwards `sha256` is that of the file's bytes, as they lie on disk."""

    def __init__(self, file: CorpusFile, *, max_line_bytes: int, max_gzip_ratio: int) -> None:
        self._file = file
        self._max_line_bytes = max_line_bytes
        self._max_gzip_ratio = max_gzip_ratio
        self.sha256 = ""

    def __iter__(self) -> Iterator[Line]:
        r"""The lines without their ends; only \n, \r\n and \r end a line.

        Raises:
            CorpusError: the file is damaged, is UTF-16 or UTF-32, decompresses to more than the
                ratio allows, or changed while it was read.
        """
        before = _status(self._file)
        try:
            with storage.open_input(self._file.path) as stream:
                raw = _Hashing(stream)
                yield from split_lines(self._chunks(raw), self._max_line_bytes)
                while raw.read(CHUNK_BYTES):  # what may lie behind the gzip stream
                    pass
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise CorpusError(
                f"{shown(self._file.path)}: the gzip data is cut short or damaged ({error}). Copy "
                f"the file from its source again."
            ) from error
        except OSError as error:
            raise CorpusError(
                f"{shown(self._file.path)}: cannot be read ({error.strerror or error}). Change its "
                f"permissions, or leave it out of the pattern."
            ) from error
        if _status(self._file) != before:
            raise CorpusError(
                f"{shown(self._file.path)}: the file changed while it was read. Run again when "
                f"nothing writes to it."
            )
        self.sha256 = raw.hexdigest()

    def _chunks(self, raw: "_Hashing") -> Iterator[bytes]:
        zipped = self._file.name.lower().endswith(".gz")
        stream = gzip.GzipFile(fileobj=raw) if zipped else raw  # type: ignore[call-overload]
        size = 0
        while chunk := stream.read(CHUNK_BYTES):
            if not size:
                _refuse_other_encodings(chunk, self._file.path)
            failpoint("read-text")
            size += len(chunk)
            if zipped and size > max(RATIO_GRACE_BYTES, self._max_gzip_ratio * raw.size):
                raise CorpusError(
                    f"{shown(self._file.path)}: gives more than {self._max_gzip_ratio} bytes for "
                    f"each compressed byte, as a decompression bomb does. Leave it out, or raise "
                    f"text.max_gzip_ratio if the text is real."
                )
            yield chunk


def split_lines(chunks: Iterable[bytes], max_line_bytes: int) -> Iterator[Line]:
    """Chunks to lines; of a line beyond the limit no more than the limit and a chunk is held."""
    held = b""  # the begin of a line whose end has not come yet
    too_long = False
    for chunk in _unix_ends(chunks):
        first, *others = chunk.split(b"\n")
        held += first if not too_long else b""
        if len(held) > max_line_bytes:
            held, too_long = b"", True
        for piece in others:
            yield LongLine() if too_long else held
            too_long = len(piece) > max_line_bytes
            held = b"" if too_long else piece
    if too_long:
        yield LongLine()
    elif held:
        yield held


def _unix_ends(chunks: Iterable[bytes]) -> Iterator[bytes]:
    r"""The chunks with \r\n and \r as \n, also where a chunk's border parts the two."""
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
    encoding = next((name for mark, name in _MARKS.items() if sample.startswith(mark)), None)
    if encoding is None and len(sample) >= 4:
        encoding = _by_its_zeros(sample)
    if encoding == "":
        raise CorpusError(
            f"{shown(path)}:1: hardly a byte but zeros, so this is no text. Leave the file out of "
            f"the pattern."
        )
    if encoding:
        raise CorpusError(
            f"{shown(path)}:1: the file looks like {encoding}, and only UTF-8 is read. Convert it: "
            f"iconv -f {encoding} -t UTF-8."
        )


def _by_its_zeros(sample: bytes) -> str | None:
    """UTF-16 and UTF-32 of Latin letters by their bytes of 0; "" for nothing but zeros."""
    shares = [sample[lane::4].count(0) / len(sample[lane::4]) for lane in range(4)]
    filled = [share > 0.7 for share in shares]
    if all(filled):
        return ""
    if filled in ([False, True, True, True], [True, True, True, False]):
        return "UTF-32"
    return "UTF-16" if filled in ([False, True, False, True], [True, False, True, False]) else None


def _status(file: CorpusFile) -> tuple[int, int] | None:
    if storage.is_remote(file.path):
        return None  # an object never changes while it is read: a writer makes a new one
    try:
        status = Path(file.path).stat()
    except OSError as error:
        raise CorpusError(
            f"{shown(file.path)}: the file is gone. Run again when nothing moves the text."
        ) from error
    return status.st_size, status.st_mtime_ns


class _Hashing:
    """Reads on, and keeps the digest and the number of the bytes that were read."""

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
