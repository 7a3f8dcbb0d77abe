"""Bytes to files that are whole or absent, on a local disk or an object store."""

import contextlib
import glob
import os
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_REMOTE = "://"


def is_remote(path: str) -> bool:
    """Whether the path names an object store, as gs://bucket/x does."""
    return _REMOTE in path


def join(folder: str, *names: str) -> str:
    """Joins with `/`, which local paths and object stores share."""
    return "/".join([folder.rstrip("/"), *names])


def exists(path: str) -> bool:
    """Whether a file or folder is there."""
    return _gfile().exists(path) if is_remote(path) else Path(path).exists()


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
    """
    if is_remote(path):
        with _gfile().GFile(path, "wb") as stream:
            yield stream
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        with temporary.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)


def _gfile() -> Any:
    """TensorFlow's file system, which speaks gs://; imported only where it is needed."""
    import tensorflow as tf

    return tf.io.gfile
