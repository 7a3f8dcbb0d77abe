"""Read ranges of one generation of an object."""

import functools
import io
import os
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from core.gcs.requests import reporting, session, split_path

_DOWNLOADS = "https://storage.googleapis.com/download/storage/v1"
_REQUEST_SECONDS = 60.0
READ_BYTES = 8 << 20  # fetched at once by a reader that reads on


def open_input(
    path: str, generation: int | None = None, buffer_bytes: int = READ_BYTES
) -> io.BufferedReader:
    """Open an object for reading; it is seekable, and every byte comes from one generation.

    Args:
        path: gs://bucket/name.
        generation: the version to read; None for the one that is current at the first read.
        buffer_bytes: fetched per request. Readers of small ranges choose it small.
    """
    return io.BufferedReader(_ObjectReader(path, generation), buffer_bytes)


def read_range(path: str, first: int, last: int) -> bytes:
    """Read the bytes from first up to last (exclusive) in one request."""
    return _ObjectReader(path).read_range(first, last) if last > first else b""


class _ObjectReader(io.RawIOBase):
    """Fetch ranges of one generation of an object."""

    def __init__(self, path: str, generation: int | None = None) -> None:
        self._path = path
        bucket, name = split_path(path)
        self._url = f"{_DOWNLOADS}/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
        self._generation = generation
        self._position = 0
        self._size: int | None = None  # of the object, once it is known

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            if self._size is None:
                self.read_range(0, 1)
            offset += self._size or 0
        self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read_range(self._position, self._position + len(view))
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        content = self.read_range(self._position, None)
        self._position += len(content)
        return content

    def read_range(self, first: int, last: int | None) -> bytes:
        """Read from first up to last (exclusive), or to the end."""
        if self._size is not None and first >= self._size:
            return b""
        with reporting(self._path, "read") as retry:
            content: bytes = retry(functools.partial(self._fetch, first, last))()
        return content

    def _fetch(self, first: int, last: int | None) -> bytes:
        """Request a range, and check that every byte of it arrived."""
        from google.api_core.exceptions import from_http_response

        response = session().get(
            self._url,
            params={"alt": "media", "generation": self._generation},
            headers={"Range": f"bytes={first}-{'' if last is None else last - 1}"},
            timeout=_REQUEST_SECONDS,
        )
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._size = first  # or less; a reader that reads on comes to just here
            return b""
        if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise from_http_response(response)
        content: bytes = response.content
        size = int(response.headers.get("Content-Range", f"/{len(content)}").rpartition("/")[2])
        if len(content) != (size if last is None else min(last, size)) - first:
            raise ConnectionError(f"{len(content)} bytes arrived of the range {first}-{last}")
        self._size = size
        if "X-Goog-Generation" in response.headers:  # later ranges come from the same version
            self._generation = int(response.headers["X-Goog-Generation"])
        return content
