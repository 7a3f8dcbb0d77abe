"""Bytes to files that are whole or absent, on a local disk or an object store."""

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

_REMOTE = "://"
# The disk, the user's quota or the process's limit is used up; the disk may only be read.
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_SQLITE_NO_ROOM = {"database or disk is full", "disk I/O error", "readonly database"}


class StorageError(TextmillError):
    """A file that cannot be written."""


def is_remote(path: str) -> bool:
    """Whether the path names an object store, as gs://bucket/x does."""
    return _REMOTE in path


def join(folder: str, *names: str) -> str:
    """Joins with `/`, which local paths and object stores share."""
    return "/".join([folder.rstrip("/"), *names])


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    return _gfile().exists(path) if is_remote(path) else Path(path).exists()


def size_bytes(path: str) -> int:
    """The size of a file."""
    return int(_gfile().stat(path).length) if is_remote(path) else Path(path).stat().st_size


def make_folder(path: str) -> None:
    """Makes the folder and its parents; an object store needs none."""
    if not is_remote(path):
        Path(path).mkdir(parents=True, exist_ok=True)


def list_files(pattern: str) -> list[str]:
    """The paths that a glob matches, sorted, so that no answer depends on a file system's order."""
    if is_remote(pattern):
        return sorted(_gfile().glob(pattern))
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - the pattern is absolute


def read_bytes(path: str) -> bytes:
    """The whole content of a small file."""
    with open_input(path) as stream:
        content: bytes = stream.read()
    return content


def open_input(path: str) -> IO[bytes]:
    """Opens for reading bytes."""
    return _gfile().GFile(path, "rb") if is_remote(path) else Path(path).open("rb")


def write_bytes(path: str, content: bytes) -> None:
    """Writes a whole file; a reader sees the old content or the new, never a part."""
    with open_output(path) as stream:
        stream.write(content)


@contextlib.contextmanager
def open_output(path: str) -> Iterator[IO[bytes]]:
    """Opens for writing bytes: the file appears under its name only when the block ends well.

    On a disk: a temporary file beside it, fsync, rename. An object store shows an object only
    when it is closed, so there the file is written under its own name.

    Raises:
        StorageError: the disk is full or may only be read; what was there before is untouched.
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
        if (told := explain_no_room(error, path)) is None:
            raise
        raise StorageError(told) from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_tree(folder: str) -> None:
    """Removes a folder and all that is in it."""
    if is_remote(folder):
        _gfile().rmtree(folder)
    else:
        shutil.rmtree(folder)


def explain_no_room(error: BaseException, path: str) -> str | None:
    """What to tell of an error that means a full or read-only disk; None for any other.

    Args:
        error: Python's, or TensorFlow's, which has the reason in its text alone.
        path: what was to be written.
    """
    reasons = {*map(os.strerror, _NO_ROOM), *_SQLITE_NO_ROOM}
    if isinstance(error, OSError) and error.errno in _NO_ROOM:
        reason = os.strerror(error.errno)
    else:
        reason = next((reason for reason in reasons if reason in str(error)), "")
    if not reason:
        return None
    there = next(folder for folder in (Path(path), *Path(path).parents) if folder.exists())
    return (
        f"{path}: cannot be written ({reason}; {shutil.disk_usage(there).free:,} bytes are free "
        f"there). Make room, or give another folder with --workdir, and run again: nothing "
        f"half-written is taken for whole."
    )


def is_of_sqlite(error: BaseException) -> bool:
    """Whether SQLite had no room, which tells in its text alone, and without a path."""
    return any(reason in str(error) for reason in _SQLITE_NO_ROOM)


def _gfile() -> Any:
    """TensorFlow's file system, which speaks gs://; imported only where it is needed."""
    import tensorflow as tf

    return tf.io.gfile
