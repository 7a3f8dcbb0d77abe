"""Run a container's command, as a process group or in a container, with a log and a time limit."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pipelines
from core.provenance import IMAGE_DIGEST
from pipelines.spec_runner.processes.containers import (
    STARTUP,
    Command,
    ContainerEngine,
    container_name,
)
from pipelines.spec_runner.processes.warm import WarmPython, module_call

GRACE_SECONDS = 20  # between SIGTERM and SIGKILL, so that training can save its state
TAIL_LINES = 15
TIMED_OUT_BY_COMMAND = 124  # GNU timeout's exit code
TIMED_OUT = -1000  # not an exit code; signals give -1 to -64
_POLL_SECONDS = 0.05


class Processes:
    """The process groups of a run, so that all of them can be ended.

    With `echo`, output is also printed; with `warm`, TFX's commands start no new Python processes;
    with `engine`, each command runs in a container.
    """

    def __init__(
        self,
        *,
        echo: bool = False,
        warm: WarmPython | None = None,
        engine: ContainerEngine | None = None,
    ) -> None:
        self.echo = echo
        self._warm = warm
        self.engine = engine
        self._lock = threading.Lock()
        self._alive: dict[subprocess.Popen[bytes], str] = {}  # with the name of its container
        self._stopped = threading.Event()

    def run(self, command: Command, *, folder: Path, log: Path) -> int:
        """Run a command until it ends.

        Args:
            command: the command.
            folder: working folder, created if it does not exist.
            log: file that the output is appended to.

        Returns:
            The exit code; negative for a signal.
        """
        shown = log.stat().st_size if log.exists() else 0
        call = module_call(command.words) if self._warm else None
        if self._warm and call:
            folder.mkdir(parents=True, exist_ok=True)
            log.parent.mkdir(parents=True, exist_ok=True)
            environment = local_environment(command)
            self._warm.start(call, environment=environment, folder=folder, log=log)
            return self._wait_warm(self._warm, log, shown, call.limit_seconds)
        process = self.start(command, folder=folder, log=log)
        try:
            while process.poll() is None:
                shown = self._show(log, shown)
                time.sleep(_POLL_SECONDS)
            self._show(log, shown)
            return process.returncode
        finally:
            self.end(process)

    def _wait_warm(
        self, warm: WarmPython, log: Path, shown: int, limit_seconds: float | None
    ) -> int:
        """Wait for a forked command, then end its whole process group."""
        deadline = None if limit_seconds is None else time.monotonic() + limit_seconds
        code: int | None = None
        try:
            while (code := warm.poll(_POLL_SECONDS)) is None:
                shown = self._show(log, shown)
                if deadline is not None and time.monotonic() > deadline:
                    return TIMED_OUT_BY_COMMAND
            self._show(log, shown)
            return code
        finally:
            warm.signal_group(signal.SIGTERM)
            deadline = time.monotonic() + GRACE_SECONDS
            while code is None and time.monotonic() < deadline:
                code = warm.poll(_POLL_SECONDS)
            warm.signal_group(signal.SIGKILL)
            while code is None:
                code = warm.poll(_POLL_SECONDS)

    def start(self, command: Command, *, folder: Path, log: Path) -> subprocess.Popen[bytes]:
        """Start a command in its own process group; call `end` afterwards."""
        folder.mkdir(parents=True, exist_ok=True)
        log.parent.mkdir(parents=True, exist_ok=True)
        name = container_name()
        if self.engine:
            words, environment = self.engine.run_words(command, name, folder), dict(os.environ)
        else:
            words, environment = list(command.words), local_environment(command)
        with log.open("ab") as stream, self._lock:
            if self._stopped.is_set():
                raise KeyboardInterrupt
            process = subprocess.Popen(  # noqa: S603 - running the spec's commands is the point
                words,
                env=environment,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            self._alive[process] = name
        return process

    def end(self, process: subprocess.Popen[bytes]) -> None:
        """End a process, every other process in its group, and its container."""
        self._end([process])
        with self._lock:
            self._alive.pop(process, None)

    def _end(self, processes: list[subprocess.Popen[bytes]]) -> None:
        """End process groups; docker and podman pass SIGTERM on, but SIGKILL ends only them."""
        running = [self._alive[p] for p in processes if p in self._alive and p.poll() is None]
        _end(processes)
        if self.engine:
            self.engine.remove(running)

    def _show(self, log: Path, shown: int) -> int:
        """Print the new part of a log; return the number of bytes printed so far."""
        if not self.echo:
            return shown
        with log.open("rb") as stream:
            stream.seek(shown)
            added = stream.read()
        sys.stderr.write(added.decode("utf-8", "replace"))
        return shown + len(added)

    def stop_all(self) -> None:
        """End every process group, and refuse to start new ones."""
        self._stopped.set()
        if self._warm:
            self._warm.close()
        with self._lock:
            alive = list(self._alive)
        self._end(alive)


def tail(log: Path, lines: int = TAIL_LINES) -> str:
    """Return the last lines of a log, without blank ones."""
    try:
        content = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    texts = [line.rstrip() for line in content.splitlines() if line.strip()]
    return "\n".join(texts[-lines:])


def describe_exit(code: int, timeout_seconds: float | None = None) -> str:
    """Describe an exit code as the predicate of a sentence: "Trainer failed with …"."""
    if code == TIMED_OUT:
        return f"took longer than its {timeout_seconds:g} s"
    if code < 0:
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-code).name}"
    return f"failed with exit code {code}"


def local_environment(command: Command) -> dict[str, str]:
    """Return the environment of a command that runs as a process of this machine.

    It is this machine's, with this Python as `python`, and with this Textmill on the import path.
    """
    environment = {**os.environ, "PATH": search_path(), "PYTHONUNBUFFERED": "1"}
    package = str(Path(pipelines.__file__).parents[1])
    paths = [*([str(STARTUP)] if command.redirect else []), package]
    if os.environ.get("PYTHONPATH"):
        paths.append(os.environ["PYTHONPATH"])
    environment["PYTHONPATH"] = os.pathsep.join(paths)
    environment.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    if command.redirect:  # the service on loopback is not behind a proxy
        for name in ("NO_PROXY", "no_proxy"):
            environment[name] = ",".join(filter(None, [environment.get(name), "127.0.0.1"]))
    environment.update(command.variables)
    # No image runs here, so none may be recorded.
    environment.pop(IMAGE_DIGEST, None)
    return environment


def search_path() -> str:
    """Return PATH with the folder of this Python first."""
    here = str(Path(sys.executable).parent)
    return os.pathsep.join([here, os.environ.get("PATH", os.defpath)])


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    """Send SIGTERM to process groups, wait, and kill the rest."""
    running = [process for process in processes if process.poll() is None]
    for process in processes:
        _signal_group(process, signal.SIGTERM)
    deadline = time.monotonic() + GRACE_SECONDS
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    for process in processes:
        _signal_group(process, signal.SIGKILL)
        process.wait()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
