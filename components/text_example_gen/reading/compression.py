"""Recognize compressed data by its first bytes, and decompress it in bounded memory."""

import gzip
import io
import lzma
import zlib
from typing import Any, Protocol

XZ_MEMORY_BYTES = 512 << 20  # xz -9 needs 65 MB
DAMAGE = (EOFError, zlib.error, gzip.BadGzipFile, lzma.LZMAError)  # and OSError without errno
_ENDINGS = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "zstd"}
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_BZIP2 = b"BZh"
_BZIP2_BLOCKS = (b"1AY&SY", b"\x17rE8P\x90")  # after _BZIP2 and a digit; text may begin with "BZh"
_INPUT_BYTES = 1 << 16


class Readable(Protocol):
    """A stream of bytes that can only be read on."""

    def read(self, size: int = ..., /) -> bytes:
        """Return at most that many bytes; none at the end."""


def find_compression(head: bytes, name: str) -> str | None:
    """Return how a file is compressed, by its first bytes or else by the ending of its name."""
    if head.startswith(_BZIP2) and head[4:10] in _BZIP2_BLOCKS:
        return "bzip2"
    kinds = (kind for magic, kind in _MAGIC.items() if head.startswith(magic))
    ending = "." + name.lower().rpartition(".")[2]
    return next(kinds, _ENDINGS.get(ending))


def is_compressed(name: str) -> bool:
    """Return whether a file of this name is compressed, as Parquet's columns are."""
    return name.lower().endswith((*_ENDINGS, ".parquet"))


def strip_ending(name: str) -> str:
    """Return a file name in lower case, without the ending of a compression."""
    name = name.lower()
    return next((name.removesuffix(end) for end in _ENDINGS if name.endswith(end)), name)


def decompress(stream: io.RawIOBase | io.BytesIO, compression: str | None) -> Readable:
    """Return the stream of the decompressed bytes; streams one after the other are joined.

    Its `read` raises one of `DAMAGE`, or an OSError without errno, for data that is cut short or
    damaged.
    """
    if compression is None:
        return stream
    if compression == "gzip":
        return gzip.GzipFile(fileobj=stream)
    if compression == "xz":
        return _XzReader(stream)
    import pyarrow as pa

    codec = {"bzip2": "bz2"}.get(compression, compression)
    arrow: Any = pa.CompressedInputStream(pa.PythonFile(stream, mode="r"), codec)
    return arrow


class _XzReader:
    """Decompresses xz; unlike `lzma.LZMAFile`, bounds memory and refuses bytes after the end."""

    def __init__(self, stream: Readable) -> None:
        self._stream = stream
        self._decompressor: lzma.LZMADecompressor | None = None

    def read(self, size: int = -1, /) -> bytes:
        while True:
            if self._decompressor is None or self._decompressor.eof:
                if not (data := self._find_next()):
                    return b""
                self._decompressor = lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES)
            elif self._decompressor.needs_input:
                if not (data := self._stream.read(_INPUT_BYTES)):
                    raise EOFError("it ends too soon")
            else:
                data = b""
            if content := self._decompressor.decompress(data, size):
                return content

    def _find_next(self) -> bytes:
        """Return bytes from the start of the next stream on, or none; zeros are padding."""
        rest = self._decompressor.unused_data if self._decompressor else b""
        while not (rest := rest.lstrip(b"\0")):
            if not (rest := self._stream.read(_INPUT_BYTES)):
                return b""
        return rest
