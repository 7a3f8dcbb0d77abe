"""A workdir to the run that is at work in it now, told from one that was killed."""

import json
import os
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

HOLDER = ".holder.json"  # pipelines.workdir.hold writes it: pid, host, since
SLACK_SECONDS = 2  # between the lock's clock, in whole seconds, and that of /proc


def running_run(workdir: Path) -> str | None:
    """The id of the run that holds the workdir; None where none does.

    The lock itself is not touched: a look must not keep out a run that begins just now. A holder
    on another host cannot be asked, and counts as gone.

    Args:
        workdir: the folder of the runs.
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
    begun = datetime.fromtimestamp(folders[-1].stat().st_mtime, tz=timezone.utc)
    return folders[-1].name if begun >= since else None


def _is_alive(pid: int, since: datetime) -> bool:
    """Whether the process is there, and not another one that got its number later."""
    try:
        os.kill(pid, 0)
        began = datetime.fromtimestamp(Path(f"/proc/{pid}").stat().st_ctime, tz=timezone.utc)
    except PermissionError:
        return True  # somebody else's process
    except OSError:
        return False
    return began <= since + timedelta(seconds=SLACK_SECONDS)
