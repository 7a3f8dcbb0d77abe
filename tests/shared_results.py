"""Share what several test files read, and none changes."""

import fcntl
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

Result = TypeVar("Result")


def share(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], Result]) -> Result:
    """Make it in a folder once per session; files in other processes (--forks) wait for it."""
    root = factory.getbasetemp() / "shared"
    root.mkdir(exist_ok=True)
    folder, result = root / name, root / f"{name}.pickle"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not result.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a file that failed to make it
            folder.mkdir()
            made = pickle.dumps(make(folder))
            result.write_bytes(made)
    return pickle.loads(result.read_bytes())  # noqa: S301 - of this session
