"""Let `textmill run-spec --warm` fork its process from the server of tests/forked_runs.py.

It loads TFX by itself otherwise, which takes longer than most tasks of a test.
"""

import functools
import os
import runpy
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipelines.spec_runner.processes import warm_worker
from pipelines.spec_runner.processes.warm import WarmPython
from tests.forked_runs import Running, Start


class WarmRun(Running):
    """A process that forks for tasks."""

    def kill(self) -> None:
        self._process.kill()


def start_worker(self: WarmPython, environment: Mapping[str, str], log: Path) -> None:
    """Replace `WarmPython._start_worker`."""
    ours, theirs = socket.socketpair()
    with theirs:
        function = functools.partial(serve, theirs)
        start = Start(tuple(self._modules), str(log), function, environment)
        self._process = WarmRun(start)  # type: ignore[assignment] # is killed, then waited for
    self._socket = ours


def serve(connection: socket.socket, *modules: str) -> None:
    """Be the process, as its command line has it."""
    for folder in os.environ["PYTHONPATH"].split(os.pathsep):
        if (startup := Path(folder, "sitecustomize.py")).exists():  # a new Python would run it
            runpy.run_path(str(startup))
    sys.argv = [warm_worker.__name__, str(connection.detach()), *modules]
    warm_worker.main()


def fork_warm_processes(patch: pytest.MonkeyPatch) -> None:
    """Fork them until the patch ends."""
    patch.setattr(WarmPython, "_start_worker", start_worker)
