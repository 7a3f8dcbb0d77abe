"""Run a command, and measure the time, CPU time and memory of all its processes together."""

import os
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.peak_memory import descendants, proportional_bytes, read

SECONDS_BETWEEN = 0.25  # measurements, which cost milliseconds of kernel time themselves
CPU_FIELDS = slice(11, 15)  # of /proc/PID/stat after the name: user and system; own, of the ended


@dataclass
class Part:
    """What the command took in one of its phases."""

    cpu_seconds: float = 0.0  # of all its processes
    peak_mb: float = 0.0  # memory of all its processes; shared pages are shared out (PSS)


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    seconds: float  # from its start to its end
    output: str  # what it printed
    parts: dict[str, Part] = field(default_factory=dict)  # by phase

    @property
    def cpu_seconds(self) -> float:
        """The CPU time of all its processes."""
        return sum(part.cpu_seconds for part in self.parts.values())

    @property
    def peak_mb(self) -> float:
        """The peak memory of all its processes together."""
        return max((part.peak_mb for part in self.parts.values()), default=0.0)


def run_measured(
    command: Sequence[str], environment: Mapping[str, str], phase: Callable[[], str] = str
) -> Measured:
    """Run a command and watch it; `phase` names what it is doing now.

    Raises:
        subprocess.CalledProcessError: it failed; its messages were shown.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        list(command), stdout=subprocess.PIPE, text=True, env=dict(environment)
    )
    parts: dict[str, Part] = defaultdict(Part)
    watcher = threading.Thread(target=_watch, args=(process, phase, parts), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Measured(seconds, output, dict(parts))


def _watch(
    process: subprocess.Popen[str], phase: Callable[[], str], parts: dict[str, Part]
) -> None:
    total = 0.0
    while process.poll() is None:
        part, family = parts[phase()], descendants(process.pid)
        # A process may end between two looks at it, and be counted by neither; its parent has it
        # at the next look.
        if (now := sum(map(_cpu_seconds, family))) > total:
            part.cpu_seconds += now - total
            total = now
        part.peak_mb = max(part.peak_mb, sum(map(proportional_bytes, family)) / 1e6)
        time.sleep(SECONDS_BETWEEN)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process and of its children that have ended."""
    fields = read(Path(f"/proc/{pid}/stat")).rpartition(")")[2].split()
    return sum(map(int, fields[CPU_FIELDS])) / os.sysconf("SC_CLK_TCK")
