"""Call other programs, and leave no process behind."""

import ctypes
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_program(command: list[str], content: bytes) -> bytes:
    """Return what a program writes when it reads the content; skip the test without the program."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed; Debian has bzip2, jq, xz-utils and zstd")
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def run_script(python: str, script: Path, *arguments: str, folder: Path | None = None) -> str:
    """Return what a script prints that runs in another environment, offline, in a folder."""
    done = subprocess.run(
        [python, str(script), *arguments],
        cwd=folder,
        env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that forked or started it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
