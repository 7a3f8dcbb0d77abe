"""Run a command, and print its seconds and the peak memory of all its processes together.

    python -m tests.peak_memory make test

Memory is proportional (PSS): a page that several processes share counts once. Exits as the command.
"""

import subprocess
import sys
import time
from pathlib import Path

SECONDS_BETWEEN = 3.0  # the kernel counts pages for 50 ms per process


def main(command: list[str]) -> int:
    """Run the command to its end."""
    peak, began = 0, time.monotonic()
    process = subprocess.Popen(command)
    while process.poll() is None:
        peak = max(peak, sum(map(proportional_bytes, descendants(process.pid))))
        time.sleep(SECONDS_BETWEEN)
    seconds = time.monotonic() - began
    print(f"{' '.join(command)}: {seconds:.0f} s, peak {peak / 1e9:.2f} GB", file=sys.stderr)
    return process.returncode


def descendants(pid: int) -> list[int]:
    """Return a process and all that it started, as far as they still run."""
    pids = [pid]
    for parent in pids:  # grows in the loop
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            pids += map(int, read(children).split())
    return pids


def proportional_bytes(pid: int) -> int:
    """Return the proportional memory of a process; 0 after its end."""
    lines = read(Path(f"/proc/{pid}/smaps_rollup")).splitlines()
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def read(path: Path) -> str:
    """Return what a file under /proc holds; nothing after the end of its process."""
    try:
        return path.read_text()
    except OSError:
        return ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
