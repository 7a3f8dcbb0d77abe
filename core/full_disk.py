"""Explain errors that mean a full or read-only disk."""

import contextlib
import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from core.errors import StorageError, TextmillError
from core.gcs.requests import SCHEME
from core.temporary import is_temporary

# The disk, the user's quota or the process's limit is exhausted, or the disk is read-only.
_FULL_ERRNOS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS}
_SQLITE_FULL = {"database or disk is full", "disk I/O error", "readonly database"}


@contextlib.contextmanager
def explaining_full_disk(path: str) -> Iterator[None]:
    """Raise StorageError if the disk is full while a path is written or copied."""
    try:
        yield
    except TextmillError:
        raise
    except Exception as error:  # TensorFlow and safetensors give the reason only as text
        if (explanation := explain_full_disk(error, path)) is None:
            raise
        raise StorageError(explanation) from error


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
    local, remedy = Path(path), "give another folder with --workdir"
    if path.startswith(SCHEME) or is_temporary(path):  # the temporary file lacked space
        local, remedy = Path(tempfile.gettempdir()), f"set TMPDIR (now {tempfile.gettempdir()})"
    folder = next(parent for parent in (local, *local.parents) if parent.exists())
    return (
        f"{path}: cannot be written ({reason}; {shutil.disk_usage(folder).free:,} bytes are free "
        f"there). Make room, or {remedy}, and run again. Files that were only partly written are "
        f"not used."
    )


def is_sqlite_full(error: BaseException) -> bool:
    """Return whether SQLite ran out of space; its errors say so without naming the path."""
    return any(reason in str(error) for reason in _SQLITE_FULL)
