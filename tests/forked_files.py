"""Run every test file in a fork of the process that collected it: pytest --forks 2.

Of files that run pipelines or train, so many run at once, which bounds the memory; one more file
runs beside them, so that no core is idle while tests wait for servers.

Importing TFX and TensorFlow takes longer than most files run, and TensorFlow keeps the memory of
every compiled function until its process ends. A fork shares what was imported, and gives back what
its file took. Fixtures of the scope "session" are made once per file.
"""

import gc
import io
import multiprocessing
import os
import resource
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import ForkProcess
from pathlib import Path
from typing import Any

import pytest
from _pytest.config import create_terminal_writer

from tests.programs import end_with_parent

_context = multiprocessing.get_context("fork")


@dataclass
class _Fork:
    """A process, the tests of its file, and how many of them have ended."""

    items: list[pytest.Item]
    process: ForkProcess
    ended: int = 0


@dataclass(eq=False)
class ForkedFiles:
    """Runs files in forks, so many at once, and reports their tests in this process."""

    config: pytest.Config
    at_once: int
    seconds: dict[Path, float] = field(default_factory=dict)  # of CPU, by file

    def pytest_runtestloop(self, session: pytest.Session) -> bool | None:
        """Run all collected tests."""
        if session.testsfailed or session.config.option.collectonly:
            return None  # as without forks
        _refuse_started_tensorflow()
        session.config._tmp_path_factory.getbasetemp()  # type: ignore[attr-defined] # one for all
        gc.freeze()  # collections in a fork would copy all objects
        servers = _start_servers(session.items)
        waiting = _by_file(session.items)
        running: dict[Connection, _Fork] = {}
        try:
            while running or (waiting and not _stops(session)):
                while not _stops(session) and (file := self._next(waiting, running)):
                    waiting.remove(file)
                    connection, fork = _start(session, file)
                    running[connection] = fork
                wait(list(running), timeout=1)
                for connection, fork in list(running.items()):
                    if not self._receive(connection, fork):
                        del running[connection]
                        left = self._end(fork, stopped=_stops(session))
                        waiting[:0] = [left] if left else []
        finally:
            for fork in running.values():
                fork.process.terminate()
                fork.process.join()
            for name, pid in servers.items():
                self._end_server(name, pid)
        _raise_stop(session)
        return True

    def _next(
        self, waiting: list[list[pytest.Item]], running: dict[Connection, _Fork]
    ) -> list[pytest.Item] | None:
        """Return the tests of the next file, if one can start now."""
        if len(running) > self.at_once:
            return None
        large = sum(_is_large(fork.items) for fork in running.values())
        return next((f for f in waiting if large < self.at_once or not _is_large(f)), None)

    def _receive(self, connection: Connection, fork: _Fork) -> bool:
        """Report what a fork has sent, if anything; False when there will be no more."""
        is_alive = fork.process.is_alive()  # its own processes may keep the connection open
        if not connection.poll():
            return is_alive
        try:
            message = connection.recv()
        except EOFError:
            return False
        if isinstance(message, float):
            path = fork.items[0].path
            self.seconds[path] = self.seconds.get(path, 0.0) + message
        elif message is None:
            fork.ended += 1
        else:
            hook = self.config.hook
            report = hook.pytest_report_from_serializable(config=self.config, data=message)
            hook.pytest_runtest_logreport(report=report)
        return True

    def _end(self, fork: _Fork, *, stopped: bool) -> list[pytest.Item]:
        """Report the test during which a process ended. Return the tests that are left."""
        fork.process.join()
        if fork.ended == len(fork.items) or (stopped and not fork.process.exitcode):
            return []
        item = fork.items[fork.ended]
        text = f"{item.nodeid}: the process ended with exit code {fork.process.exitcode}"
        report = pytest.TestReport(item.nodeid, item.location, {}, "failed", text, "call")
        self.config.hook.pytest_runtest_logreport(report=report)
        return fork.items[fork.ended + 1 :]

    def _end_server(self, name: str, pid: int) -> None:
        """End a server, and count what its runs took."""
        os.kill(pid, signal.SIGTERM)
        _, _, usage = os.wait4(pid, 0)
        self.seconds[Path(__file__).with_name(name)] = usage.ru_utime + usage.ru_stime

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """Print the files that took the most time, if --durations asks for tests that did."""
        number = self.config.option.durations
        if number is None:
            return
        terminalreporter.section(f"{sum(_cpu_seconds()):.0f} s of CPU")
        for path, seconds in sorted(self.seconds.items(), key=lambda pair: -pair[1])[:number]:
            terminalreporter.write_line(f"{seconds:7.1f} s  {path.relative_to(Path.cwd())}")


def _start_servers(items: list[pytest.Item]) -> dict[str, int]:
    """Start the servers that the tests need; return their pids, by the name of their file."""
    servers = {}
    if runs := sys.modules.get("tests.forked_runs"):
        servers["forked_runs.py"] = runs.fork_server()
    scripts = sys.modules.get("tests.transformers_scripts")
    if scripts and any(item.get_closest_marker("transformers") for item in items):
        servers["transformers_server.py"] = scripts.start_server()
    return servers


def _by_file(items: list[pytest.Item]) -> list[list[pytest.Item]]:
    """Group tests by file, those with slow tests first: none of them runs alone at the end."""
    files: dict[Path, list[pytest.Item]] = {}
    for item in items:
        files.setdefault(item.path, []).append(item)

    def number_of_slow_tests(file: list[pytest.Item]) -> int:
        return sum(item.get_closest_marker("slow") is not None for item in file)

    return sorted(files.values(), key=number_of_slow_tests, reverse=True)


def _is_large(items: list[pytest.Item]) -> bool:
    """Return whether the tests of a file run pipelines or train, which takes up to 2 GB."""
    return "trainer" in items[0].path.parts or any(i.get_closest_marker("slow") for i in items)


def _start(session: pytest.Session, items: list[pytest.Item]) -> tuple[Connection, _Fork]:
    receiver, sender = _context.Pipe(duplex=False)
    sys.stdout.flush()
    process = _context.Process(target=_run, args=(session, items, sender))
    process.start()
    sender.close()
    return receiver, _Fork(items, process)


def _run(session: pytest.Session, items: list[pytest.Item], sender: Connection) -> None:
    """Run the tests of a file in this fork."""
    end_with_parent()
    config = session.config
    capture: Any = config.pluginmanager.getplugin("capturemanager")
    capture.stop_global_capturing()  # its files are shared with the other forks
    capture.start_global_capturing()
    capture.suspend_global_capture()
    reporter: Any = config.pluginmanager.getplugin("terminalreporter")
    reporter._tw = create_terminal_writer(config, io.StringIO())
    config.pluginmanager.register(_Sender(config, sender))
    for item, following in zip(items, [*items[1:], None], strict=True):
        config.hook.pytest_runtest_protocol(item=item, nextitem=following)
        sender.send(None)
        if _stops(session):
            break
    capture.stop_global_capturing()
    sender.send(sum(_cpu_seconds()))


def _cpu_seconds() -> Iterator[float]:
    for who in resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN:
        usage = resource.getrusage(who)
        yield usage.ru_utime + usage.ru_stime


@dataclass(eq=False)
class _Sender:
    """Sends the reports of a fork to the process that prints them."""

    config: pytest.Config
    sender: Connection

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Send a report."""
        hook = self.config.hook
        self.sender.send(hook.pytest_report_to_serializable(config=self.config, report=report))


def _stops(session: pytest.Session) -> bool:
    return bool(session.shouldfail or session.shouldstop)


def _raise_stop(session: pytest.Session) -> None:
    if session.shouldfail:
        raise session.Failed(session.shouldfail)
    if session.shouldstop:
        raise session.Interrupted(session.shouldstop)


def _refuse_started_tensorflow() -> None:
    """Refuse to fork a process whose TensorFlow has threads: forks would wait for them forever."""
    context: Any = sys.modules.get("tensorflow.python.eager.context")
    if context and context.context_safe() and context.context_safe()._context_handle:
        raise pytest.UsageError("A test file runs TensorFlow when it is imported.")
