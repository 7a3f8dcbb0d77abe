"""Call other programs, and leave no process behind."""

import ctypes
import shutil
import signal
import subprocess

import pytest

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def run_program(command: list[str], content: bytes) -> bytes:
    """Return what a program writes when it reads the content; skip the test without the program."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed; Debian has bzip2, jq, xz-utils and zstd")
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout


def end_with_parent() -> None:
    """Let the kernel kill this process when the one that forked or started it is killed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
