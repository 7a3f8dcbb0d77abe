"""Find out which code is running, who runs it, and on which machine."""

import functools
import getpass
import http.client
import os
import platform
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from pydantic import JsonValue

IMAGE_DIGEST = "TEXTMILL_IMAGE_DIGEST"  # environment: sha256:… of the running container image
USER = "TEXTMILL_USER"  # environment: the name to record for who runs; choose one that may be kept
VERTEX_TASK = "VERTEX_AI_PIPELINES_RUN_LABELS"  # environment: set in every task on Vertex AI
CPU_INFO = Path("/proc/cpuinfo")


def image_digest() -> str | None:
    """Return the digest of the running container image, or None outside a container."""
    return os.environ.get(IMAGE_DIGEST) or None


def current_user() -> str:
    """Return who runs this: TEXTMILL_USER, the service account on Vertex AI, or else the user.

    The name must never enter an artifact's bytes, which are the same for every user.
    """
    if name := os.environ.get(USER):
        return name
    if account := _vertex_account():
        return account
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # in a container, a user id may have no name
        return f"uid {os.getuid()}"


def _vertex_account() -> str | None:
    """Return the service account of a task on Vertex AI; None elsewhere, or if it is not known."""
    if VERTEX_TASK not in os.environ:
        return None
    host = os.environ.get("GCE_METADATA_HOST", "metadata.google.internal")
    connection = http.client.HTTPConnection(host, timeout=5)
    path = "/computeMetadata/v1/instance/service-accounts/default/email"
    try:
        connection.request("GET", path, headers={"Metadata-Flavor": "Google"})
        response = connection.getresponse()
        text = response.read().decode()
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    return text.strip() if response.status == http.HTTPStatus.OK else None


@functools.cache
def git_state() -> dict[str, JsonValue]:
    """Return the commit of the checkout and whether tracked files were changed.

    Returns:
        `commit` (40 hex digits) and `dirty`; both are None if the code is not in a git checkout,
        for example in a container.
    """
    git = shutil.which("git")
    top = Path(__file__).resolve().parent.parent
    if git is None or not (top / ".git").exists():
        return {"commit": None, "dirty": None}
    commit = _run_git(git, top, "rev-parse", "--verify", "--quiet", "HEAD")
    changes = _run_git(git, top, "status", "--porcelain", "--untracked-files=no")
    return {"commit": commit.strip() or None, "dirty": bool(changes.strip())}


def _run_git(git: str, folder: Path, *arguments: str) -> str:
    return subprocess.run(  # noqa: S603 - fixed arguments, no shell
        [git, "-C", str(folder), *arguments], capture_output=True, text=True, check=False
    ).stdout


def hardware(accelerators: Sequence[str] = ()) -> dict[str, JsonValue]:
    """Describe the machine.

    Args:
        accelerators: the names of the GPUs or TPU cores in use.

    Returns:
        `machine` (for example x86_64), `processor` (model name), `cpus` (logical), and
        `accelerators` (names with their counts).
    """
    counts = {name: list(accelerators).count(name) for name in sorted(set(accelerators))}
    return {
        "machine": platform.machine(),
        "processor": _processor(),
        "cpus": os.cpu_count(),
        "accelerators": [f"{count} × {name}" for name, count in counts.items()],
    }


def _processor() -> str:
    """Return the processor's model name, which platform.processor() does not know on Linux."""
    if CPU_INFO.is_file():
        for line in CPU_INFO.read_text(encoding="utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return " ".join(value.split())
    return platform.processor()
