"""Read and write files on a local disk or an object store. A written file is whole or absent."""

import contextlib
import errno
import glob
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from core.errors import TextmillError
from core.failpoints import failpoint

# The disk, the user's quota or the process's limit is exhausted, or the disk is read-only.
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_SQLITE_FULL = {"database or disk is full", "disk I/O error", "readonly database"}


class StorageError(TextmillError):
    """A file that cannot be written."""


def is_remote(path: str) -> bool:
    """Return whether the path is on an object store, for example gs://bucket/x."""
    return "://" in path


def join(folder: str, *names: str) -> str:
    """Join with `/`, which works for local paths and object stores."""
    return "/".join([folder.rstrip("/"), *names])


def exists(path: str) -> bool:
    """Return whether a file or folder exists."""
    return _gfile().exists(path) if is_remote(path) else Path(path).exists()


def size_bytes(path: str) -> int:
    """Return the size of a file."""
    return int(_gfile().stat(path).length) if is_remote(path) else Path(path).stat().st_size


def make_folder(path: str) -> None:
    """Make a folder and its parents. An object store needs no folders."""
    if not is_remote(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def list_files(pattern: str) -> list[str]:
    """Return the paths that match a glob, sorted, because the order of file systems varies."""
    if is_remote(pattern):
        return sorted(_gfile().glob(pattern))
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern is absolute


def read_bytes(path: str) -> bytes:
    """Return the content of a small file."""
    with open_input(path) as stream:
        content: bytes = stream.read()
    return content


def open_input(path: str) -> IO[bytes]:
    """Open a file for reading bytes."""
    return _gfile().GFile(path, "rb") if is_remote(path) else Path(path).open("rb")


def write_bytes(path: str, content: bytes) -> None:
    """Write a whole file. A reader sees the old content or the new content, never a part."""
    with open_output(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """Open a file for writing bytes; it appears under its name only if the block succeeds.

    On a disk, the bytes go to a temporary file beside it, which is synced and then renamed. An
    object store shows an object only after it is closed, so no temporary name is needed.

    Raises:
        StorageError: the disk is full or read-only. An earlier file of that name is unchanged.
    """
    if is_remote(path):
        with _gfile().GFile(path, "wb") as stream:
            yield stream
        return
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        failpoint("before-rename")
        temporary.replace(target)
    except OSError as error:
        if (explanation := explain_full_disk(error, path)) is None:
            raise
        raise StorageError(explanation) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_tree(folder: str) -> None:
    """Remove a folder and everything in it."""
    if is_remote(folder):
        _gfile().rmtree(folder)
    else:
        shutil.rmtree(folder)


def explain_full_disk(error: BaseException, path: str) -> str | None:
    """Return a message for an error that means a full or read-only disk, or None for others.

    Args:
        error: from Python, or from TensorFlow or SQLite, which give the reason only as text.
        path: the file that was being written.
    """
    if isinstance(error, OSError) and error.errno in _FULL_ERRNOS:
        reason = os.strerror(error.errno)
    else:
        reasons = {*map(os.strerror, _FULL_ERRNOS), *_SQLITE_FULL}
        reason = next((reason for reason in reasons if reason in str(error)), "")
    if not reason:
        return None
    folder = next(parent for parent in (Path(path), *Path(path).parents) if parent.exists())
    return (
        f"{path}: cannot be written ({reason}; {shutil.disk_usage(folder).free:,} bytes are free "
        f"there). Make room, or give another folder with --workdir, and run again. Files that were "
        f"only partly written are not used."
    )


def is_sqlite_full(error: BaseException) -> bool:
    """Return whether SQLite ran out of space; its errors say so without naming the path."""
    return any(reason in str(error) for reason in _SQLITE_FULL)


def _gfile() -> Any:
    """Return TensorFlow's file system, which supports gs://; imported only when needed."""
    import tensorflow as tf

    return tf.io.gfile
