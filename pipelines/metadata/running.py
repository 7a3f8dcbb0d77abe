"""Find the run that is in progress in a workdir, as opposed to one that was killed."""

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from pathlib import Path

HOLDER = ".holder.json"  # written by pipelines.workdir.hold: pid, host, since
SLACK_SECONDS = 2  # between the lock's clock, in whole seconds, and that of /proc


def running_run(workdir: Path) -> str | None:
    """Return the id of the run that holds the workdir, or None.

    The lock itself is not taken, so that a run that starts now is not refused. A process on
    another host cannot be checked and counts as gone.

    Args:
        workdir: folder of the runs.
    """
    try:
        holder = json.loads((workdir / HOLDER).read_text(encoding="utf-8"))
        since = datetime.fromisoformat(holder["since"])
        pid = int(holder["pid"])
        is_here = holder["host"] == socket.gethostname() and pid != os.getpid()
        is_alive = is_here and _is_alive(pid, since)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    folders = sorted((workdir / "runs").glob("*/"))
    if not (is_alive and folders) or (folders[-1] / "summary.json").exists():
        return None
    started = datetime.fromtimestamp(folders[-1].stat().st_mtime, tz=UTC)
    return folders[-1].name if started >= since else None


def _is_alive(pid: int, since: datetime) -> bool:
    """Return whether the process exists and is not a later one with the same id."""
    try:
        os.kill(pid, 0)
        started = datetime.fromtimestamp(Path(f"/proc/{pid}").stat().st_ctime, tz=UTC)
    except PermissionError:
        return True  # a process of another user
    except OSError:
        return False
    return started <= since + timedelta(seconds=SLACK_SECONDS)
