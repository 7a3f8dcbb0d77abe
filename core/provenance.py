"""Where the running code comes from, and what it runs on: commit, image, machine."""

import functools
import getpass
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

IMAGE_DIGEST = "TEXTMILL_IMAGE_DIGEST"  # environment: sha256:… of the container image that runs
USER = "TEXTMILL_USER"  # environment: who runs; any name that you do not mind to be kept
CPU_INFO = Path("/proc/cpuinfo")


def image_digest() -> str | None:
    """The digest of the container image that this runs in; None outside of one."""
    return os.environ.get(IMAGE_DIGEST) or None


def hardware(accelerators: Sequence[str] = ()) -> dict[str, JsonValue]:
    """What the code runs on.

    Args:
        accelerators: the names of the GPUs or TPU cores at work.

    Returns:
        `machine` (as x86_64), `processor` (its model's name), `cpus` (logical ones), and
        `accelerators` (the names, each with how many there are).
    """
    counted = {name: list(accelerators).count(name) for name in sorted(set(accelerators))}
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "accelerators": [f"{count} × {name}" for name, count in counted.items()],
    }


def _processor() -> str:
    """The processor's model; platform.processor() is empty or the architecture on Linux."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor()


def who() -> str:
    """Who runs this: TEXTMILL_USER, a service account on Vertex AI, or else the user's name.

    It never enters an artifact's bytes, which have to be equal whoever runs.
    """
    if told := os.environ.get(USER):
        return told
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, an id may have no name
        return f"uid {os.getuid()}"


@functools.cache
def git_state() -> dict[str, JsonValue]:
    """The commit of the code's checkout and whether tracked files were changed.

    Returns:
        `commit` (40 hex digits, or None where the code is installed without its history, as in a
        container) and `dirty` (None likewise).
    """
    git = shutil.which("git")
    top = Path(__file__).resolve().parent.parent
    if git is None or not (top / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _ask(git, top, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _ask(git, top, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip() or None, "dirty": bool(changes.strip())}


def _ask(git: str, folder: Path, *words: str) -> str:
    asked = subprocess.run(  # noqa: S603 - fixed words, no shell
        [git, "-C", str(folder), *words], capture_output=True, text=True, check=False
    )
    return asked.stdout
