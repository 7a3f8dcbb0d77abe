"""Make temporary folders in TMPDIR, and remove those that killed processes left there.

The folders that workers on several machines share lie in that of the artifact that they write.
"""

import fcntl
import functools
import os
import re
import shutil
import tempfile
import time
import weakref
from pathlib import Path
from secrets import token_hex
from typing import Literal

SCRATCH = ".work"  # in the folder of an artifact, until it is whole
Purpose = Literal["download", "events", "instances", "plan", "runs", "stdin", "upload"]
_OURS = re.compile(r"textmill-(download|events|instances|plan|runs|stdin|upload)-[a-z0-9_]{8}")
_NEW_SECONDS = 60.0  # a folder is locked at once after it is made


def make_scratch(output: str) -> str:
    """Return the folder for temporary files of one attempt to write an artifact.

    Workers of an earlier attempt, which was lost, may still write to theirs.
    """
    return f"{output}/{SCRATCH}/{token_hex(4)}"


class TemporaryFolder(tempfile.TemporaryDirectory[str]):
    """A temporary folder that is locked as long as its process, or a child of it, is alive.

    The first one of a process removes the folders of processes that are gone.
    """

    def __init__(self, purpose: Purpose) -> None:
        sweep(tempfile.gettempdir())
        super().__init__(prefix=f"textmill-{purpose}-")
        lock = os.open(self.name, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_SH)
        self._unlock = weakref.finalize(self, os.close, lock)

    def cleanup(self) -> None:
        """Remove the folder."""
        super().cleanup()
        self._unlock()


@functools.cache
def sweep(parent: str) -> None:
    """Remove this user's temporary folders that no process has locked."""
    for path in Path(parent).glob("textmill-*"):
        if _OURS.fullmatch(path.name) and _is_abandoned(path):
            shutil.rmtree(path, ignore_errors=True)


def _is_abandoned(path: Path) -> bool:
    try:
        lock = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:  # it is gone, or of another user
        return False
    try:
        status = os.fstat(lock)
        if status.st_uid != os.geteuid() or time.time() - status.st_mtime < _NEW_SECONDS:
            return False
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)
    return True


def is_temporary(path: str) -> bool:
    """Return whether a path lies in one of these folders."""
    start = f"{tempfile.gettempdir()}/"
    return path.startswith(start) and bool(_OURS.match(path.removeprefix(start)))
