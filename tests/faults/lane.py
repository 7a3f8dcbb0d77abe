"""Run the command in one workdir again and again, in forks of a process that has loaded TFX.

Loading TFX takes longer than the data nodes of the tiny recipe, so a server process loads it once.
Each run is a fork of it, in its own session, that calls the command.
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
    """The exit code and output of a run."""

    code: int  # negative: the signal that killed it
    output: str


@dataclass(frozen=True)
class Start:
    """The command of a run, and the faults to inject."""

    words: tuple[str, ...]  # of the command, without "textmill"
    output: str  # path of a file
    failpoint: str | None = None
    flag: str | None = None
    largest_file: int | None = None  # bytes; writing more fails as on a full disk
    more_memory: int | None = None  # bytes of address space beyond TFX's modules
    as_nobody: bool = False  # if root runs the tests, switch to NOBODY


class Running:
    """A running command."""

    def __init__(self, start: Start) -> None:
        self._path = Path(start.output)
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
        if self._process.exitcode is None:  # it would also keep this process from ending
            os.killpg(self.pid, signal.SIGKILL)
            self._process.join()
            raise AssertionError(f"still running: {self.output()[-2000:]}")
        return Ended(self._process.exitcode, self.output())

    def wait_until(self, condition: Callable[[], object], event: str) -> None:
        deadline = time.monotonic() + LONGEST_SECONDS
        while not condition():
            assert self.is_alive(), f"ended before {event}: {self.output()[-2000:]}"
            assert time.monotonic() < deadline, f"never reached {event}"
            time.sleep(LOOK_SECONDS)

    def output(self) -> str:
        return self._path.read_text(encoding="utf-8") if self._path.exists() else ""


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


def _run(start: Start) -> None:
    """Run the command in this process, with its faults."""
    # A shell that starts the tests in the background makes them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.setsid()
    output = os.open(start.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from core import failpoints
    from pipelines.cli import main

    if start.failpoint:  # Beam's workers read the environment
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
    """Drop root's permissions; modules in root's folders can no longer be loaded."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
