"""Run TFX's commands in forks of one Python process that has imported TFX, to save seconds each.

Vertex AI starts a new process for each task. A fork of a process that has only imported modules
behaves the same, and importing TFX and TensorFlow takes most of the time of a small task.
"""

import contextlib
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from core.errors import TextmillError

TFX_MODULES = ("tfx.", "components.")  # `python -m …` of these may start a CustomJob
_DURATION = re.compile(r"(?P<number>[\d.]+)(?P<unit>[smhd]?)$")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class ModuleCall:
    """The parts of `[timeout … LIMIT] python -m module arguments`."""

    module: str
    arguments: list[str]
    limit_seconds: float | None


def module_call(command: Sequence[str]) -> ModuleCall | None:
    """Parse a command that runs a module of TFX or Textmill; return None for any other command."""
    words, limit = list(command), None
    if words[:1] == ["timeout"]:
        del words[0]
        while words and words[0].startswith("-"):
            del words[0]
        match = _DURATION.match(words.pop(0)) if words else None
        if match is None:
            return None
        limit = float(match["number"]) * _UNITS[match["unit"]]
    if words[:2] not in (["python", "-m"], ["python3", "-m"]) or len(words) < 3:
        return None
    module = words[2]
    return ModuleCall(module, words[3:], limit) if module.startswith(TFX_MODULES) else None


class WarmPython:
    """A process that has imported the modules; it starts with the first command."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._buffer = b""
        self._running: int | None = None

    def start(
        self, call: ModuleCall, *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        """Start a command; `poll` returns its exit code."""
        if self._process is None:
            self._start_worker(environment, log)
        request = {
            "module": call.module,
            "arguments": call.arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "log": str(log),
        }
        assert self._socket is not None  # noqa: S101 - _start_worker made it
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while (answer := self._receive(60.0)) is None:
            pass
        self._running = answer["pid"]

    def poll(self, seconds: float) -> int | None:
        """Wait for the command to end; return its exit code, or None if it is still running."""
        answer = self._receive(seconds)
        return None if answer is None else int(answer["code"])

    def signal_group(self, number: signal.Signals) -> None:
        """Send a signal to the command and its child processes."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running, number)

    def close(self) -> None:
        """End the process."""
        self.signal_group(signal.SIGKILL)
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _start_worker(self, environment: Mapping[str, str], log: Path) -> None:
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", f"{__package__}.warm_worker", str(theirs.fileno())]
        with theirs, log.open("ab") as stream:
            self._process = subprocess.Popen(  # noqa: S603 - this Python, our module
                [*command, *self._modules],
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=stream,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._socket = ours

    def _receive(self, seconds: float) -> dict[str, Any] | None:
        """Return the next answer, or None if it does not arrive in time."""
        assert self._socket is not None  # noqa: S101 - `start` comes first
        if b"\n" not in self._buffer:
            if not select.select([self._socket], [], [], seconds)[0]:
                return None
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise TextmillError(
                    "The process that runs TFX's tasks has ended; the task's log may say why. "
                    "Run again without --warm."
                )
            self._buffer += piece
        if b"\n" not in self._buffer:
            return None
        line, self._buffer = self._buffer.split(b"\n", 1)
        answer: dict[str, Any] = json.loads(line)
        return answer
