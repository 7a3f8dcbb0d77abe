"""Run the command in one workdir again and again."""

import os
import shutil
from pathlib import Path
from typing import Any

from tests.forked_runs import Ended, Running, Start

__all__ = ["Ended"]
TOP = Path(__file__).parents[2]
RECIPE = str(TOP / "tests/pipelines/tiny.yaml")
FULL = int(os.environ.get("TEXTMILL_FAULT_RUNS", "1")) > 1  # make faults FULL=1


class Lane:
    """A workdir, its text, and copies of the workdir at stages of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = root / "text"
        self.workdir = root / "work"
        self._runs = 0

    def words(self, *more: str) -> tuple[str, ...]:
        """Return the arguments of `textmill run`, with those of a test."""
        return "run", RECIPE, "--text", str(self.text), "--workdir", str(self.workdir), *more

    def start(self, *more: str, command: tuple[str, ...] = (), **faults: Any) -> Running:
        """Start the run with further arguments, or another command.

        `faults` are fields of Start.
        """
        self._runs += 1
        output = str(self.root / f"output-{self._runs}.txt")
        return Running(Start(command or self.words(*more), output, **faults))

    def run(self, *more: str, command: tuple[str, ...] = (), **faults: Any) -> Ended:
        """Start a run, and wait until it ends."""
        return self.start(*more, command=command, **faults).wait()

    def keep(self, stage: str) -> None:
        """Copy the workdir as a stage."""
        shutil.copytree(self.workdir, self.root / stage, symlinks=True)

    def restore(self, stage: str | None) -> None:
        """Restore the workdir to a stage; None: to an empty one."""
        shutil.rmtree(self.workdir, ignore_errors=True)
        if stage is not None:
            shutil.copytree(self.root / stage, self.workdir, symlinks=True)


def processes_of(session: int) -> list[int]:
    """List the live processes of a session."""
    pids = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, owner, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended meanwhile
            continue
        if int(owner) == session and state not in "ZX":
            pids.append(int(path.parent.name))
    return pids


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has stopped it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
