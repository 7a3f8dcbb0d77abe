"""TFX's access to gs:// by way of `core.gcs.object_store`.

TFX reads and writes gs:// with TensorFlow, which looks at every parent folder and writes an object
for each (60 requests per node), uploads what an interrupted write has so far, and repeats failing
requests without end. `tfx.dsl.io.filesystem_registry` takes another class for a scheme; the one
with the lowest priority is used, and TensorFlow's has 10.
"""

import io
from collections.abc import Callable, Iterable
from types import SimpleNamespace
from typing import Any, ClassVar

from tfx.dsl.io import filesystem, filesystem_registry

from core import storage
from core.gcs import object_store, requests

PRIORITY = 5


class ObjectStoreFilesystem(filesystem.Filesystem):
    """Reads and writes whole objects; folders need not be made."""

    SUPPORTED_SCHEMES: ClassVar[list[str]] = ["gs://"]

    @staticmethod
    def open(name: str, mode: str = "r") -> Any:
        """Open an object; what is written appears when the stream is closed without an error."""
        if "r" not in mode:
            return _Output(name)
        stream = storage.open_input(name)
        return stream if "b" in mode else io.TextIOWrapper(stream, encoding="utf-8")

    @staticmethod
    def copy(src: str, dst: str, overwrite: bool = False) -> None:
        """Copy an object within the store."""
        if not overwrite and storage.exists(dst):
            raise OSError(f"{dst}: exists already")
        try:
            object_store.copy(src, dst)
        except requests.NotFoundError as error:
            raise filesystem.NotFoundError(str(error)) from error

    @staticmethod
    def exists(path: str) -> bool:
        """Return whether an object or a folder is there."""
        return storage.exists(path)

    @staticmethod
    def glob(pattern: str) -> list[str]:
        """Return the objects and folders that match."""
        return storage.list_files(pattern)

    @staticmethod
    def isdir(path: str) -> bool:
        """Return whether there is an object under the folder."""
        return object_store.is_folder(path)

    @staticmethod
    def listdir(path: str) -> list[str]:
        """Return the names in a folder."""
        names = _names_below(path)
        if not names:
            raise filesystem.NotFoundError(path)
        return sorted({name.partition("/")[0] for name in names})

    @staticmethod
    def makedirs(path: str) -> None:
        """Do nothing: an object needs no folder."""

    mkdir = makedirs

    @staticmethod
    def remove(path: str) -> None:
        """Remove an object."""
        storage.remove(path)

    @staticmethod
    def rename(src: str, dst: str, overwrite: bool = False) -> None:
        """Copy an object, or each object of a folder, and remove the original."""
        names = _names_below(src)
        for name in names:
            ObjectStoreFilesystem.copy(f"{src}/{name}", f"{dst}/{name}", overwrite)
        if names:
            storage.remove_tree(src)
            return
        ObjectStoreFilesystem.copy(src, dst, overwrite)
        storage.remove(src)

    @staticmethod
    def rmtree(path: str) -> None:
        """Remove every object of a folder."""
        storage.remove_tree(path)

    @staticmethod
    def stat(path: str) -> Any:
        """Return the size of an object, and the time of its creation."""
        if (item := object_store.find(path)) is None:
            raise filesystem.NotFoundError(path)
        return SimpleNamespace(length=item.size_bytes, mtime_nsec=int(item.created * 1e9))

    @staticmethod
    def walk(
        top: str, topdown: bool = True, onerror: Callable[..., None] | None = None
    ) -> Iterable[tuple[str, list[str], list[str]]]:
        """Return each folder with the names of its folders and files."""
        folders: dict[str, tuple[set[str], list[str]]] = {}
        for name in _names_below(top):
            *parents, last = name.split("/")
            here = top.rstrip("/")
            for parent in parents:
                folders.setdefault(here, (set(), []))[0].add(parent)
                here = f"{here}/{parent}"
            folders.setdefault(here, (set(), []))[1].append(last)
        ordered = sorted(folders, reverse=not topdown)
        return [(folder, sorted(folders[folder][0]), folders[folder][1]) for folder in ordered]


class _Output:
    """Collects what is written and uploads it at the end, unless the block raised an error."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._content: list[bytes] = []
        self._is_open = True

    def write(self, content: str | bytes) -> int:
        self._content.append(content.encode() if isinstance(content, str) else content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: an object is written whole."""

    def close(self) -> None:
        if self._is_open:
            self._is_open = False
            storage.write_bytes(self._path, b"".join(self._content))

    def __enter__(self) -> "_Output":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        if error is None:
            self.close()
        self._is_open = False


def _names_below(folder: str) -> list[str]:
    start = len(folder.rstrip("/")) + 1
    return [item.path[start:] for item in object_store.list_objects(folder)]


def register() -> None:
    """Let TFX use this class for gs://, in this process."""
    registry = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    registry.register(ObjectStoreFilesystem, priority=PRIORITY)
