"""Process elements in processes of this machine, which are forks of a server.

A fork has what the server imported at once, and shares its memory. This process has threads, so it
cannot be forked itself. Its first call starts the server, which serves the later ones, too.
Python's own fork server would import this process's main module, and with it TFX, in each worker.

Nothing outlives this process: the server ends its workers and itself when its socket closes. If it
is killed, Linux kills the workers.
"""

import atexit
import contextlib
import ctypes
import functools
import importlib
import multiprocessing
import os
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from core import failpoints
from core.errors import TextmillError
from core.exit import STOP_SIGNALS, explain
from core.loading import loading_libraries

# All that have units of work. None of them loads TensorFlow, TFX or Beam.
PRELOADED = (
    "components.instance_export.export_instances",
    "components.instance_gen.write_shard",
    "components.instance_import.import_records",
    "components.statistics_gen.count_text",
    "components.text_example_gen.write_documents",
    "components.vocabulary_gen.count_sample",
)
FORK, EXIT_CODE = b"f", b"e"  # requests to the server
PR_SET_PDEATHSIG = 1  # linux/prctl.h


class LostWorkerError(TextmillError):
    """A worker process that died before its work was done."""


def process_in_workers(
    process: Callable[[Any], object], elements: Iterable[Any], workers: int
) -> None:
    """Call a function, which can be pickled, for each element in one of some new processes.

    Raises:
        LostWorkerError: a worker died.
        TextmillError: the function raised an error that Textmill can explain.
        RuntimeError: it raised another one; the message is the traceback.
    """
    server = _server(os.getpid())
    connections: list[Connection] = []
    try:
        for _ in range(workers):
            connections.append(server.fork())
            connections[-1].send((dict(os.environ), str(Path.cwd()), sys.path))
            connections[-1].send(process)
        _share_out(elements, connections)
    except (EOFError, ConnectionError) as error:
        raise LostWorkerError(
            f"A worker process died (exit code {server.exit_code()}). Linux kills processes when "
            f"memory runs out. If memory is short, lower beam.workers. The step kept nothing; run "
            f"again."
        ) from error
    except BaseException:  # Ctrl-C, too
        server.end()
        raise
    finally:
        for connection in connections:
            connection.close()


def _share_out(elements: Iterable[Any], connections: list[Connection]) -> None:
    """Give each worker an element, and another one whenever it has finished one."""
    rest = iter(elements)
    busy = []
    for connection, element in zip(connections, rest, strict=False):
        connection.send(element)
        busy.append(connection)
    while busy:
        ready = wait(busy)
        for connection in [each for each in busy if each in ready]:
            if failure := connection.recv():
                sentence, lines = failure
                if sentence:
                    raise TextmillError(sentence) from RuntimeError(lines)
                raise RuntimeError(lines)
            try:
                connection.send(next(rest))
            except StopIteration:
                busy.remove(connection)


class _Server:
    """A process that forks workers."""

    def __init__(self) -> None:
        """Start it; it reads requests once it has imported what workers need."""
        self._socket, theirs = socket.socketpair()
        program = f"from {__name__} import serve; serve({theirs.fileno()})"
        path = {"PYTHONPATH": os.pathsep.join(sys.path)}
        with theirs, _blocked_stop_signals():  # the server and its forks keep them blocked
            self._process = subprocess.Popen(  # noqa: S603 - this Python
                [sys.executable, "-c", program],
                pass_fds=[theirs.fileno()],
                env=os.environ | path,
                stdin=subprocess.DEVNULL,
            )
        atexit.register(self.end)

    def fork(self) -> Connection:
        """Return the connection to a new worker."""
        ours, theirs = multiprocessing.Pipe()
        with theirs:
            socket.send_fds(self._socket, [FORK], [theirs.fileno()])
        return ours

    def exit_code(self) -> str:
        """End all; return the exit code of the worker that died, negative for a signal."""
        try:
            self._socket.send(EXIT_CODE)
            code = self._socket.recv(16).decode()
        except OSError:
            code = ""
        self.end()
        return code or f"{self._process.returncode} of their server"

    def end(self) -> None:
        """End the server, which ends its workers; the next call starts another one."""
        _server.cache_clear()
        atexit.unregister(self.end)
        self._socket.close()
        self._process.wait()


@functools.lru_cache(maxsize=1)
def _server(process_id: int) -> _Server:
    """Return the server of this process; a fork has its own."""
    del process_id
    return _Server()


@contextlib.contextmanager
def _blocked_stop_signals() -> Iterator[None]:
    """Block the signals that Ctrl-C sends to all processes; this one alone acts on them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def serve(number: int) -> None:
    """Run the server on the socket with this number until its other end closes."""
    with loading_libraries():  # what the garbage collector marks would no longer be shared
        for module in PRELOADED:
            importlib.import_module(module)
    server = os.getpid()
    forks: set[int] = set()
    with socket.socket(fileno=number) as requests:
        while True:
            request, files, *_ = socket.recv_fds(requests, 1, 1)
            if request == FORK:
                reap_ended(forks)
                if (pid := os.fork()) == 0:
                    requests.close()
                    _work(files[0], server)
                forks.add(pid)
                os.close(files[0])
            elif request == EXIT_CODE:
                requests.send(str(_wait_for_failure(forks)).encode())
            else:
                break
    for pid in forks:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def reap_ended(forks: set[int]) -> None:
    """Reap the forks that ended well; one that failed is left to `_wait_for_failure`."""
    for pid in list(forks):
        ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended and ended.si_status == 0:
            os.waitpid(pid, 0)
            forks.remove(pid)


def _wait_for_failure(forks: set[int]) -> int:
    """Return the exit code of a fork that ended by itself."""
    while True:
        pid, status = os.wait()
        forks.remove(pid)
        if code := os.waitstatus_to_exitcode(status):
            return code


def _work(number: int, server: int) -> None:
    """Act as a worker until the other end of its connection closes, and end this process."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != server:  # it was killed just before
        os._exit(1)
    with contextlib.suppress(EOFError), Connection(number) as connection:
        environment, folder, sys.path[:] = connection.recv()
        os.environ.clear()
        os.environ.update(environment)
        os.chdir(folder)
        failpoints.arm_by_environment()
        process = connection.recv()
        while True:
            element = connection.recv()
            try:
                process(element)
                connection.send(None)
            except (TextmillError, MemoryError) as error:
                # Explained here: the message of a full disk says how much space is free now.
                connection.send((explain(error, folder), traceback.format_exc()))
            except BaseException:
                connection.send((None, traceback.format_exc()))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
