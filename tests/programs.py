"""Call other programs whose files we read."""

import shutil
import subprocess

import pytest


def run_program(command: list[str], content: bytes) -> bytes:
    """Return what a program writes when it reads the content; skip the test without the program."""
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed; Debian has bzip2, jq, xz-utils and zstd")
    return subprocess.run(command, input=content, capture_output=True, check=True).stdout
