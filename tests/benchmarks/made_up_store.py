"""An object store whose content is made up when it is read, to plan terabytes without them.

It takes the place of the requests of `core.gcs`, counts them, and lets each wait as a real one.
"""

import io
import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from core.gcs import object_store, reader
from core.gcs.object_store import StoredObject

LISTED_PER_REQUEST = 1000
REMOVED_PER_REQUEST = 100


class MadeUpStore:
    """Counts requests; folders are listed and files are read as the registered functions say."""

    def __init__(self, latency_seconds: float) -> None:
        self.requests: Counter[str] = Counter()
        self.made: Counter[str] = Counter()  # files that workers write, by folder
        self._latency = latency_seconds
        self._lock = threading.Lock()
        self._listings: dict[str, Callable[[], Iterator[StoredObject]]] = {}
        self._readers: dict[str, Callable[[str], bytes]] = {}
        self._written: dict[str, bytes] = {}

    def install(self) -> None:
        """Replace the requests of this process."""
        replaced: list[tuple[Any, str, Any]] = [
            (object_store, "list_objects", self.list_objects),
            (object_store, "upload", self.upload),
            (object_store, "remove_tree", self.remove_tree),
            (reader, "open_input", self.open_input),
            (reader, "read_range", lambda path, first, last: self._read(path)[first:last]),
        ]
        for module, name, function in replaced:
            setattr(module, name, function)

    def list_as(self, folder: str, listing: Callable[[], Iterator[StoredObject]]) -> None:
        """Register the objects of a folder."""
        self._listings[folder] = listing

    def read_as(self, folder: str, content: Callable[[str], bytes]) -> None:
        """Register the content of a folder's files, by their names."""
        self._readers[folder] = content

    def list_objects(self, folder: str, beginning: str = "") -> Iterator[StoredObject]:
        """List the objects of a folder."""
        del beginning
        for number, item in enumerate(self._listings[folder]()):
            if number % LISTED_PER_REQUEST == 0:
                self._request("list")
            yield item

    def open_input(self, path: str, generation: int | None = None, _: int = 0) -> IO[bytes]:
        """Open a file."""
        return io.BytesIO(self._read(path))

    def upload(self, path: str, file: str, *, only_if_absent: bool = False) -> None:
        """Keep a file."""
        self._request("write")
        self._written[path] = Path(file).read_bytes()

    def remove_tree(self, folder: str) -> None:
        """Count the requests of the real function, which lists a folder and removes in batches."""
        files = sum(count for name, count in self.made.items() if name.startswith(folder))
        self.requests["list"] += math.ceil(files / LISTED_PER_REQUEST)
        self.requests["remove"] += math.ceil(files / REMOVED_PER_REQUEST)

    def _read(self, path: str) -> bytes:
        self._request("read")
        if path in self._written:
            return self._written[path]
        folder, _, name = path.rpartition("/")
        return self._readers[folder](name)

    def _request(self, kind: str) -> None:
        with self._lock:
            self.requests[kind] += 1
        time.sleep(self._latency)
