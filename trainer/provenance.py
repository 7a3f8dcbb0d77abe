"""Where the running code comes from: its git commit, and whether it was edited since."""

import functools
import shutil
import subprocess
from pathlib import Path

from pydantic import JsonValue


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
