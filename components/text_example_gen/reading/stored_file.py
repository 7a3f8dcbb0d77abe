"""Open a text file as it is stored: hash it, decompress it, and refuse what is damaged."""

import contextlib
import functools
import hashlib
import io
import os
from collections.abc import Iterator
from typing import IO

from components.text_example_gen.reading.compression import (
    DAMAGE,
    XZ_MEMORY_BYTES,
    Readable,
    decompress,
    find_compression,
)
from components.text_example_gen.reading.errors import (
    CorpusError,
    escape_path,
    explain_unreadable,
)
from components.text_example_gen.reading.find_files import CorpusFile
from core import storage
from core.failpoints import failpoint
from core.gcs import requests

CHUNK_BYTES = 1 << 18
RATIO_GRACE_BYTES = 1 << 20  # small files may compress better than the ratio


class StoredFile:
    """One file that is open for reading.

    Attributes:
        compression: gzip, bzip2, xz, zstd or None.
        sha256: digest of the file as stored; set by `finish`.
    """

    def __init__(self, file: CorpusFile, stream: Readable, max_ratio: int) -> None:
        """Take the file, its stream, and the limit of bytes after decompression per byte before."""
        self._raw = _HashingReader(stream)
        self._file = file
        self._max_ratio = max_ratio
        self._size = 0  # decompressed
        head = self._raw.peek()
        self.compression = None if file.is_range else find_compression(head, file.name)
        self._content = decompress(self._raw, self.compression)
        self.sha256 = ""

    @functools.cached_property
    def head(self) -> bytes:
        """The first decompressed bytes."""
        return self._read()

    def chunks(self) -> Iterator[bytes]:
        """Yield the decompressed bytes, once.

        Raises:
            CorpusError: they are more than the ratio allows.
        """
        chunk = self.head
        while chunk:
            failpoint("read-text")
            yield chunk
            chunk = self._read()

    def finish(self) -> None:
        """Read what is left, so that the digest is that of the whole file."""
        while self._raw.read(CHUNK_BYTES):
            pass
        self.sha256 = self._raw.hexdigest()

    def check_ratio(self, size: int, stored: int) -> None:
        """Refuse content that is much larger than the stored bytes that it comes from."""
        if size > max(RATIO_GRACE_BYTES, self._max_ratio * stored):
            raise CorpusError(
                f"{escape_path(self._file.path)}: expands to more than {self._max_ratio} "
                f"bytes per compressed byte, like a decompression bomb. Exclude the file, or "
                f"raise text.max_gzip_ratio if the text is real."
            )

    def _read(self) -> bytes:
        chunk = self._content.read(CHUNK_BYTES)
        self._size += len(chunk)
        if self.compression:
            self.check_ratio(self._size, self._raw.size)
        return chunk


@contextlib.contextmanager
def open_stored(file: CorpusFile, max_ratio: int) -> Iterator[StoredFile]:
    """Open a file once, for a single pass over its content.

    Raises:
        CorpusError: the file cannot be read, is damaged, expands beyond the ratio, or changed while
            it was read.
    """
    path = escape_path(file.path)
    before = file.status or status(file)
    compression = None
    try:
        with storage.open_input(file.path, file.generation) as stream:
            stored = StoredFile(file, _Range(stream, file) if file.is_range else stream, max_ratio)
            compression = stored.compression
            yield stored
    except requests.NotFoundError as error:
        raise CorpusError(
            f"{path}: the object was replaced or removed after it was listed. Run again when "
            f"no program writes to it."
        ) from error
    except (*DAMAGE, OSError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise explain_unreadable(file.path, error) from error
        remedy = "Copy the file from its source again."
        if "Memory usage limit" in str(error):  # of liblzma
            remedy = f"If it needs over {XZ_MEMORY_BYTES >> 20} MB, compress it again with xz -9."
        raise CorpusError(
            f"{path}: the {compression} data is cut short or damaged ({error}). {remedy}"
        ) from error
    if status(file) != before:
        raise CorpusError(
            f"{path}: the file changed while it was read. Run again when no program writes to it."
        )


def status(file: CorpusFile) -> list[int] | None:
    """Return size and modification time in ns; None for objects, whose versions never change."""
    if storage.is_remote(file.path):
        return None
    try:
        local = os.stat(file.path)  # noqa: PTH116 - a Path takes longer to make than this call
    except OSError as error:
        raise explain_unreadable(file.path, error) from error
    return [local.st_size, local.st_mtime_ns]


class _Range(io.RawIOBase):
    """Reads one range of a stream."""

    def __init__(self, stream: IO[bytes], file: CorpusFile) -> None:
        self._stream = stream
        self._left = (file.end_byte or 0) - file.first_byte
        stream.seek(file.first_byte)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(data)
        return data


class _HashingReader(io.RawIOBase):
    """Passes reads on to a stream and keeps the digest and the number of the bytes read."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._digest = hashlib.sha256()
        self._held = b""  # peeked at
        self.size = 0

    def readable(self) -> bool:
        return True

    def peek(self) -> bytes:
        """Return the first bytes without reading them. Call it before `read`."""
        self._held = self._stream.read(CHUNK_BYTES)
        return self._held

    def read(self, size: int = -1, /) -> bytes:
        data, self._held = self._held, b""
        if size < 0:
            data += self._stream.read()
        elif len(data) > size:
            data, self._held = data[:size], data[size:]
        elif not data:
            data = self._stream.read(size)
        self._digest.update(data)
        self.size += len(data)
        return data

    def hexdigest(self) -> str:
        return self._digest.hexdigest()
