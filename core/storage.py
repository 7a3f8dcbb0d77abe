"""Read and write files on a local disk or on Google Cloud Storage, whole or not at all."""

import contextlib
import glob
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import IO, TypeVar

from core.failpoints import failpoint
from core.full_disk import explaining_full_disk
from core.gcs import object_store, reader, requests
from core.temporary import TemporaryFolder

PARTIAL = ".partial"  # ends the name of a file or folder that is not yet whole
_TRANSFERS = 8  # files that are uploaded or downloaded at once

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def is_remote(path: str) -> bool:
    """Return whether the path is on an object store, for example gs://bucket/x."""
    return "://" in path


def absolute(path: str) -> str:
    """Return the path independent of the current folder; one on an object store is so already."""
    return path if is_remote(path) else str(Path(path).expanduser().absolute())


def join(folder: str, *names: str) -> str:
    """Join with `/`, which works for local paths and object stores."""
    return "/".join([folder.rstrip("/"), *names]) or "/"


def exists(path: str) -> bool:
    """Return whether a file or folder exists."""
    return object_store.exists(path) if is_remote(path) else Path(path).exists()


def size_bytes(path: str) -> int:
    """Return the size of a file; -1 for an object that does not exist."""
    if is_remote(path):
        stored = object_store.find(path)
        return stored.size_bytes if stored else -1
    return Path(path).stat().st_size


def make_folder(path: str) -> None:
    """Make a folder and its parents. An object store needs no folders."""
    if not is_remote(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def list_files(pattern: str) -> list[str]:
    """Return the paths that match a glob, sorted, because the order of file systems varies."""
    if is_remote(pattern):
        return object_store.glob(pattern)
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern is absolute


def read_bytes(path: str) -> bytes:
    """Return the content of a small file."""
    with open_input(path) as stream:
        return stream.read()


def read_if_exists(path: str) -> bytes | None:
    """Return the content of a small file, or None if it does not exist. Takes one request."""
    try:
        return read_bytes(path)
    except (FileNotFoundError, requests.NotFoundError):
        return None


def open_input(path: str, generation: int | None = None) -> io.BufferedReader:
    """Open a file for reading bytes; the stream is seekable.

    Args:
        path: a local file or an object.
        generation: the version of the object to read; None for the current one.
    """
    if is_remote(path):
        return reader.open_input(path, generation)
    return Path(path).open("rb")


def download(path: str, target: str) -> str:
    """Copy an object to a local file, and return the sha256 of its content, hex."""
    digest = hashlib.sha256()
    file = Path(target)
    with explaining_full_disk(path), open_input(path) as source:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("wb") as stream:
            while chunk := source.read(object_store.READ_BYTES):
                digest.update(chunk)
                stream.write(chunk)
    return digest.hexdigest()


def read_range(path: str, first: int, last: int) -> bytes:
    """Read the bytes from first up to last (exclusive), and no more."""
    if is_remote(path):
        return reader.read_range(path, first, last)
    with Path(path).open("rb") as stream:
        stream.seek(first)
        return stream.read(last - first)


def write_bytes(path: str, content: bytes) -> None:
    """Write a whole file. A reader sees the old content or the new content, never a part."""
    with open_output(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def open_output(path: str, partial_folder: str | None = None) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it appears under its name only if the block succeeds.

    On a disk, the bytes go to a partial file, which is synced and then renamed. For an object
    store, they go to a temporary file on this machine, which is uploaded when it is whole.

    Args:
        path: the file.
        partial_folder: where the partial file lies until then, on the same disk. None: beside the
            file, where a reader of the whole folder would see what a killed writer left.

    Raises:
        StorageError: the disk is full or read-only, or the store refuses. An earlier file of that
            name is unchanged.
    """
    if is_remote(path):
        with _uploaded(path) as stream:
            yield stream
        return
    target = Path(path)
    # Process ids repeat over containers that share a disk.
    temporary = Path(partial_folder or target.parent, f".{target.name}.{token_hex(8)}{PARTIAL}")
    try:
        with explaining_full_disk(path):
            target.parent.mkdir(parents=True, exist_ok=True)
            with temporary.open("wb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            failpoint("before-rename")
            temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def remove_partial_files(folder: str) -> None:
    """Remove what killed writers left directly in a local folder."""
    if not is_remote(folder):
        for path in Path(folder).glob(f".*{PARTIAL}"):
            path.unlink()


@contextlib.contextmanager
def _uploaded(path: str) -> Iterator[IO[bytes]]:
    """Open a temporary file for writing, and upload it if the block succeeds."""
    with TemporaryFolder("upload") as folder:
        temporary = Path(folder, "object")
        with explaining_full_disk(path), temporary.open("wb") as stream:
            yield stream
        object_store.upload(path, str(temporary))


@contextlib.contextmanager
def open_output_folder(folder: str, last: str) -> Iterator[str]:
    """Yield a local folder to write a folder's files to.

    For an object store, it is a temporary folder, whose files are uploaded if the block succeeds.

    Args:
        folder: local or remote.
        last: name of the file that makes the folder complete; it is uploaded after all others.
    """
    if not is_remote(folder):
        yield folder
        return
    with TemporaryFolder("upload") as local:
        with explaining_full_disk(folder):
            yield local
        paths = (path for path in Path(local).rglob("*") if path.is_file())
        names = sorted(path.relative_to(local).as_posix() for path in paths)

        def upload(name: str) -> None:
            object_store.upload(join(folder, name), str(Path(local, name)))

        transfer(upload, (name for name in names if name != last))
        transfer(upload, (name for name in names if name == last))


def transfer(function: Callable[[_Item], _Result], items: Iterable[_Item]) -> list[_Result]:
    """Apply a function that waits for an object store to all items, several at once."""
    with ThreadPoolExecutor(_TRANSFERS) as pool:
        return list(pool.map(function, items))


def remove(path: str) -> None:
    """Remove a file; one that does not exist is no error."""
    if is_remote(path):
        object_store.remove(path)
    else:
        Path(path).unlink(missing_ok=True)


def remove_tree(folder: str) -> None:
    """Remove a folder and everything in it; one that does not exist is no error."""
    if is_remote(folder):
        object_store.remove_tree(folder)
    elif Path(folder).is_dir():
        shutil.rmtree(folder)
