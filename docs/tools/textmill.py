"""Call `textmill` as a reader would, and keep what it prints."""

import os
import subprocess
from pathlib import Path

TOP = Path(__file__).parents[2]
PROGRAM = TOP / ".venv" / "bin" / "textmill"
COLUMNS = 96  # fits a page of the site, and README on GitHub


def textmill(
    *arguments: str, folder: Path, code: int = 0, progress: bool = False, **environment: str
) -> str:
    """Return what a command printed.

    Args:
        arguments: What follows `textmill` on the command line.
        folder: The current directory of the command.
        code: The exit code that the command must return.
        progress: Include what goes to stderr; it is always included if `code` is not 0.
        environment: Variables to set besides those of this process.

    Raises:
        SystemExit: If the command returned another exit code.
    """
    variables = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", **environment}
    command = [str(PROGRAM), *arguments]
    done = subprocess.run(
        command,
        check=False,
        cwd=folder,
        env=variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if code or progress else subprocess.DEVNULL,
        text=True,
    )
    if done.returncode != code:
        raise SystemExit(f"{' '.join(command)}: exit code {done.returncode}\n{done.stdout}")
    return trim(done.stdout.replace(str(folder), "/home/you/textmill"))


def trim(text: str) -> str:
    """Remove blank space at the ends of lines, and blank lines at both ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"


def shorten(text: str, first: int, last: int) -> str:
    """Return the first and last lines of an output, with … in place of the rest."""
    lines = text.splitlines()
    if len(lines) <= first + last:
        return text
    return "\n".join([*lines[:first], "…", *lines[-last:]]) + "\n"
