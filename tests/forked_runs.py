"""Run commands in forks of a process that has loaded TFX.

Loading TFX takes longer than most of what a test runs, so a server process loads it once. Each run
is a fork of it, in its own session, with the environment of its caller. With --forks, one server is
forked from the process that has collected the tests, and serves all files.
"""

import importlib
import logging
import multiprocessing
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from multiprocessing import connection, forkserver
from pathlib import Path
from typing import Any, NamedTuple

from components.code_digest import source_closure
from tests.programs import end_with_parent

PRELOADED = [
    "tests.server_process",
    "pipelines.create_pipeline",
    "pipelines.local.local_runner",
    "pipelines.local.run_command",
    "pipelines.cli",
    "trainer.training",
    "tensorboard.summary",  # TensorFlow imports it when it writes a scalar
]
LONGEST_SECONDS = 500  # below the limit on a test
LOOK_SECONDS = 0.01
NOBODY = 65534  # the user that owns nothing, on every Linux

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(PRELOADED)


def fork_server() -> int:
    """Fork the server from this process, for itself and all its later forks; return its pid."""
    for name in PRELOADED[1:]:
        importlib.import_module(name)
    source_closure("pipelines.cli")  # has all sources parsed, once for all forks
    server: Any = forkserver._forkserver  # type: ignore[attr-defined]
    address = connection.arbitrary_address("AF_UNIX")  # type: ignore[attr-defined]
    alive, kept_open = os.pipe()  # the server ends when no one holds the other end
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        pid = os.fork()
        if pid == 0:
            os.close(kept_open)
            _serve(listener.fileno(), alive)
    os.close(alive)
    server._forkserver_address, server._forkserver_alive_fd = address, kept_open
    server.ensure_running = lambda: None  # it would wait for a process that forks cannot wait for
    return pid


def _serve(listener: int, alive: int) -> None:
    """Be the server, without what pytest has changed in this process."""
    end_with_parent()
    sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
    root = logging.getLogger()
    for handler in root.handlers[:]:
        if type(handler).__module__.startswith("_pytest"):
            root.removeHandler(handler)
    try:
        forkserver.main(listener, alive, [])
    finally:
        os._exit(0)


def textmill(*words: str) -> None:
    """Call the command, as its script does."""
    from pipelines.cli import main

    sys.argv = ["textmill", *words]
    main()


class Ended(NamedTuple):
    """The exit code and output of a run."""

    code: int  # negative: the signal that killed it
    output: str


def _new_file() -> str:
    with tempfile.NamedTemporaryFile(prefix="output-", delete=False) as file:
        return file.name


@dataclass(frozen=True)
class Start:
    """The command of a run, and the faults to inject."""

    words: tuple[str, ...]  # of the command, without "textmill"
    output: str = field(default_factory=_new_file)  # its path
    function: Callable[..., None] = textmill  # gets the words
    environment: Mapping[str, str] = field(default_factory=dict)  # beyond the caller's
    failpoint: str | None = None
    flag: str | None = None
    largest_file: int | None = None  # bytes; writing more fails as on a full disk
    more_memory: int | None = None  # bytes of address space beyond TFX's modules
    as_nobody: bool = False  # if root runs the tests, switch to NOBODY


class Running:
    """A running command."""

    def __init__(self, start: Start) -> None:
        self._path = Path(start.output)
        # The server has the environment of its first caller.
        start = replace(start, environment={**os.environ, **start.environment})
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

    def wait(self, longest_seconds: float = LONGEST_SECONDS) -> Ended:
        self._process.join(longest_seconds)
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


def _run(start: Start) -> None:
    """Run the command in this process, with its faults."""
    # A shell that starts the tests in the background makes them ignore Ctrl-C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    end_with_parent()
    os.setsid()
    output = os.open(start.output, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(output, 1)
    os.dup2(output, 2)
    from core import failpoints

    os.environ.clear()
    os.environ.update(start.environment)
    tempfile.tempdir = None  # read TMPDIR again
    # It was imported before, and reads the environment only then.
    if metadata := sys.modules.get("google.auth.compute_engine._metadata"):
        metadata._GCE_METADATA_HOST = os.environ.get("GCE_METADATA_HOST", "metadata")
    if start.failpoint:  # workers read the environment
        os.environ[failpoints.VARIABLE] = start.failpoint
        os.environ[failpoints.FLAG_VARIABLE] = start.flag or ""
    failpoints.arm_by_environment()
    if start.largest_file is not None:
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (start.largest_file, hard))
    if start.more_memory is not None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        limit = pages * resource.getpagesize() + start.more_memory
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    if start.as_nobody and os.geteuid() == 0:
        _become_nobody()
    start.function(*start.words)


def _become_nobody() -> None:
    """Drop root's permissions; modules in root's folders can no longer be loaded."""
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
