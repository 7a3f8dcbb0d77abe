"""A command to its time and the memory of all its processes together."""

import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Measured:
    """What a command took."""

    seconds: float  # from its start to its end
    peak_mb: float  # resident memory of it and its descendants; shared pages are shared out (PSS)
    output: str  # what it printed


def run_measured(command: Sequence[str], environment: Mapping[str, str]) -> Measured:
    """Runs a command and watches it.

    Raises:
        subprocess.CalledProcessError: it failed; its messages were shown.
    """
    begin = time.perf_counter()
    process = subprocess.Popen(
        list(command), stdout=subprocess.PIPE, text=True, env=dict(environment)
    )
    peak = [0.0]
    watcher = threading.Thread(target=_watch, args=(process, peak), daemon=True)
    watcher.start()
    output, _ = process.communicate()
    seconds = time.perf_counter() - begin
    watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, list(command))
    return Measured(seconds, peak[0], output)


def _watch(process: subprocess.Popen[str], peak: list[float]) -> None:
    while process.poll() is None:
        peak[0] = max(peak[0], sum(map(_pss_mb, _family(process.pid))))
        time.sleep(LOOK_EVERY_SECONDS)


def _family(pid: int) -> list[int]:
    """A process and all that descend from it."""
    members = [pid]
    for member in members:
        for children in Path(f"/proc/{member}/task").glob("*/children"):
            try:
                members.extend(map(int, children.read_text().split()))
            except OSError:  # it ended meanwhile
                continue
    return members


def _pss_mb(pid: int) -> float:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    except OSError:  # it ended meanwhile
        pass
    return 0.0
