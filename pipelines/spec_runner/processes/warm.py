"""Commands of TFX in forks of one Python that has loaded it: seconds less for each task.

Fresh processes are what Vertex AI starts; a fork of one that only imported behaves the same, and
importing TFX and TensorFlow is most of what a small task does.
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

_MODULES = ("tfx.", "components.")
_DURATION = re.compile(r"(?P<number>[\d.]+)(?P<unit>[smhd]?)$")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True)
class ModuleCall:
    """`[timeout … LIMIT] python -m module arguments`, taken apart."""

    module: str
    arguments: list[str]
    limit_seconds: float | None


def module_call(command: Sequence[str]) -> ModuleCall | None:
    """What a command runs, if it is a module of TFX's or ours; None otherwise."""
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
    return ModuleCall(module, words[3:], limit) if module.startswith(_MODULES) else None


class WarmPython:
    """The process that has everything loaded; it starts when it is first needed.

    Args:
        modules: to load beforehand.
    """

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._process: subprocess.Popen[bytes] | None = None
        self._socket: socket.socket | None = None
        self._read = b""
        self._running: int | None = None

    def start(
        self, call: ModuleCall, *, environment: Mapping[str, str], folder: Path, log: Path
    ) -> None:
        """Starts a command; `poll` tells of its end."""
        if self._process is None:
            self._load(environment, log)
        request = {
            "module": call.module,
            "arguments": call.arguments,
            "environment": dict(environment),
            "folder": str(folder),
            "log": str(log),
        }
        assert self._socket is not None  # noqa: S101 - _load made it
        self._socket.sendall(json.dumps(request).encode() + b"\n")
        while (answer := self._answer(60.0)) is None:
            pass
        self._running = answer["pid"]

    def poll(self, seconds: float) -> int | None:
        """Waits so long for the end of the command; its exit code, or None."""
        answer = self._answer(seconds)
        return None if answer is None else int(answer["code"])

    def signal_group(self, number: signal.Signals) -> None:
        """Sends a signal to the command and all that it started."""
        if self._running is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._running, number)

    def close(self) -> None:
        """Ends the process."""
        self.signal_group(signal.SIGKILL)
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def _load(self, environment: Mapping[str, str], log: Path) -> None:
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

    def _answer(self, seconds: float) -> dict[str, Any] | None:
        """The next answer, if one comes in time."""
        assert self._socket is not None  # noqa: S101 - nobody asks before `start`
        if b"\n" not in self._read:
            if not select.select([self._socket], [], [], seconds)[0]:
                return None
            piece = self._socket.recv(1 << 16)
            if not piece:
                raise TextmillError(
                    "The Python that runs TFX's tasks has ended. Run again without --warm; the "
                    "task's log may say why."
                )
            self._read += piece
        if b"\n" not in self._read:
            return None
        line, self._read = self._read.split(b"\n", 1)
        found: dict[str, Any] = json.loads(line)
        return found
