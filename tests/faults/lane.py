"""A workdir in which runs are started, stopped and started again, at the price of a fork each.

Loading TFX takes longer than the tiny recipe's data steps, so a server process loads it once and
each run is a fork of it: a process of its own, in a session of its own, that calls the command.
"""

import multiprocessing
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

TOP = Path(__file__).parents[2]
RECIPE = str(TOP / "tests/pipelines/tiny.yaml")
PRELOADED = [
    "pipelines.create_pipeline",
    "pipelines.local.local_runner",
    "pipelines.local.run_command",
]
LONGEST_SECONDS = 500  # below the limit on a test
LOOK_SECONDS = 0.01
NOBODY = 65534  # the user that owns nothing, on every Linux

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


class Ended(NamedTuple):
    """How a run ended."""

    code: int  # negative: the signal that killed it
    told: str  # what it printed


@dataclass(frozen=True)
class Start:
    """How a run's process begins."""

    words: tuple[str, ...]  # of the command, without "textmill"
    output: str  # file
    failpoint: str | None = None
    flag: str | None = None
    largest_file: int | None = None  # bytes; writing beyond fails as on a full disk
    more_memory: int | None = None  # bytes of address space, beyond what TFX's modules take
    as_nobody: bool = False  # if root runs the tests: the run is NOBODY's, since root may all


class Running:
    """A run at work."""

    def __init__(self, start: Start) -> None:
        self._output = Path(start.output)
        self._process = _context.Process(target=_run, args=(start,))
        self._process.start()

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.is_alive()

    def signal(self, sent: signal.Signals) -> None:
        os.kill(self.pid, sent)

    def wait(self) -> Ended:
        self._process.join(LONGEST_SECONDS)
        assert self._process.exitcode is not None, f"still at work: {self.told()[-2000:]}"
        return Ended(self._process.exitcode, self.told())

    def wait_until(self, seen: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not seen():
            assert self.is_alive(), f"ended before {what}: {self.told()[-2000:]}"
            assert time.monotonic() < deadline, f"never came to {what}"
            time.sleep(LOOK_SECONDS)

    def told(self) -> str:
        return self._output.read_text(encoding="utf-8") if self._output.exists() else ""


class Lane:
    """One workdir, its text, and copies of the workdir at stages of a run."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.text = root / "text"
        self.workdir = root / "work"
        self._runs = 0

    def words(self, *more: str) -> tuple[str, ...]:
        """The command, always the same but for what a test adds."""
        return "run", RECIPE, "--text", str(self.text), "--workdir", str(self.workdir), *more

    def start(self, *more: str, command: tuple[str, ...] = (), **disturbed: Any) -> Running:
        """Starts the command with more words, or another command.

        `disturbed` are fields of Start.
        """
        self._runs += 1
        output = str(self.root / f"output-{self._runs}.txt")
        return Running(Start(command or self.words(*more), output, **disturbed))

    def run(self, *more: str, command: tuple[str, ...] = (), **disturbed: Any) -> Ended:
        """Starts it, and waits for its end."""
        return self.start(*more, command=command, **disturbed).wait()

    def keep(self, stage: str) -> None:
        """Copies the workdir, to come back to."""
        shutil.copytree(self.workdir, self.root / stage, symlinks=True)

    def restore(self, stage: str | None) -> None:
        """Puts the workdir back to a stage; None is before the first run."""
        shutil.rmtree(self.workdir, ignore_errors=True)
        if stage is not None:
            shutil.copytree(self.root / stage, self.workdir, symlinks=True)


def processes_of(session: int) -> list[int]:
    """The processes of a session that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of, *_ = path.read_text().rpartition(")")[2].split()
        except OSError:  # it ended between two looks
            continue
        if int(of) == session and state not in "ZX":
            found.append(int(path.parent.name))
    return found


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has stopped it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def _run(start: Start) -> None:
    """The run's process."""
    # Tests that a shell started in the background have inherited that Ctrl-C is ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    output = os.open(start.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from core import failpoints
    from pipelines.cli import main

    if start.failpoint:  # Beam's workers are told by the environment
        os.environ[failpoints.VARIABLE] = start.failpoint
        os.environ[failpoints.FLAG_VARIABLE] = start.flag or ""
    failpoints.arm(start.failpoint, start.flag)
    if start.largest_file is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.largest_file, hard))
    if start.more_memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + start.more_memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if start.as_nobody and os.geteuid() == 0:
        _become_nobody()
    sys.argv = ["textmill", *start.words]
    main()


def _become_nobody() -> None:
    """For good; what Python has not loaded yet may be out of reach, in a folder of root's."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
