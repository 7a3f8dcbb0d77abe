"""Remove the Python files that TensorFlow's AutoGraph leaves behind when a process is killed."""

import contextlib
import os
import tempfile
import time
from pathlib import Path

PATTERN = "__autograph_generated_file*.py"  # tensorflow/python/autograph/pyct/loader.py
STALE_SECONDS = 24 * 3600  # a running process may still show the source of a newer one


def remove_stale_generated_files() -> int:
    """Delete this user's generated files that are over a day old; return their number."""
    removed = 0
    for path in Path(tempfile.gettempdir()).glob(PATTERN):
        with contextlib.suppress(OSError):  # another run may remove it first
            status = path.stat()
            if status.st_uid == os.geteuid() and time.time() - status.st_mtime > STALE_SECONDS:
                path.unlink()
                removed += 1
    return removed
