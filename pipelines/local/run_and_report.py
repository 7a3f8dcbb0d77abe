"""Do a run's work, then report it: exit code, summary and seal."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape

from core.errors import StoppedError, StorageError, TextmillError, printable
from core.exit import FAILED, INTERRUPTED, SUCCEEDED, TERMINATED, exit_code, explain
from core.full_disk import is_sqlite_full
from pipelines.local.run_summary import (
    RunSummary,
    StartedRun,
    print_summary,
    summarize,
    write_summary,
)
from pipelines.local.standard_input import name_standard_input
from pipelines.local.store_care import back_up, close_unfinished
from pipelines.metadata.names import CACHED, RAN
from pipelines.metadata.seal import seal_run
from pipelines.workdir import Workdir

STOPPED_BY = {INTERRUPTED: "Stopped by Ctrl-C.", TERMINATED: "Stopped by SIGTERM."}


@dataclass(frozen=True)
class Ending:
    """How a run ended."""

    state: str = "succeeded"  # or failed, interrupted
    error: str | None = None
    code: int = SUCCEEDED


def run_and_report(
    run: StartedRun,
    work: Callable[[], Exception | None],
    seconds: Callable[[], dict[str, float]],
    console: Console,
) -> tuple[RunSummary, int]:
    """Do a run's work, then write, seal and print its summary.

    Args:
        run: the run.
        work: the whole work. It raises an error, or returns the error of a task that failed.
        seconds: returns the wall time of each node that started; called after `work`.
        console: for the summary.

    Returns:
        The summary, and the exit code.
    """
    ending = _do(work, run)
    close_error = _close(ending, run.workdir)
    summary = summarize(run, seconds(), ending.state, ending.error)
    disk_error = close_error or _write(summary, run.workdir)
    console.print()  # below the echo of Ctrl-C
    print_summary(summary, console)
    if summary.error:
        print_ending(summary, run.rerun, console)
    if disk_error:
        _print_error(disk_error, console)
    return summary, FAILED if disk_error and ending.code == SUCCEEDED else ending.code


def print_ending(summary: RunSummary, rerun: str | None, console: Console) -> None:
    """Print why a run ended early, and how to continue."""
    has_results = any(node.state in (RAN, CACHED) for node in summary.nodes)
    if summary.state == "interrupted":
        again = f": {rerun} starts over; before it, finished nodes are cached" if rerun else ""
        again = again or (": finished nodes are cached" if has_results else "")
        console.print(f"\n{summary.error} Run the same command to continue{again}.")
        return
    _print_error(str(summary.error), console)
    if has_results:
        console.print("Fix the error and run again: finished nodes are cached.")


def _do(work: Callable[[], Exception | None], run: StartedRun) -> Ending:
    try:
        error = work()
    except KeyboardInterrupt:
        return Ending("interrupted", STOPPED_BY[INTERRUPTED], INTERRUPTED)
    except StoppedError as stopped:
        # On either signal, training saves its state before it stops.
        code = INTERRUPTED if stopped.code == INTERRUPTED else TERMINATED
        return Ending("interrupted", STOPPED_BY[code], code)
    except Exception as wrong:
        if not isinstance(wrong, TextmillError):  # whose message is enough, without a traceback
            logging.getLogger(__name__).exception("the run failed")
        return Ending("failed", _explain(wrong, run), exit_code(wrong))
    return Ending() if error is None else Ending("failed", str(error), FAILED)


def _explain(error: Exception, run: StartedRun) -> str:
    """Return the message for an error."""
    message = explain(error, _find_path(error, run)) or f"{type(error).__name__}: {error}"
    return name_standard_input(message)


def _find_path(error: Exception, run: StartedRun) -> str:
    """Return the file that an error is about, as far as its message says."""
    if is_sqlite_full(error):
        return str(run.workdir.metadata)
    path = re.search(rf"{re.escape(str(run.workdir.root))}/[^\s'\":;]+", str(error))
    return path[0] if path else str(run.folder)


def _close(ending: Ending, workdir: Workdir) -> str | None:
    """Close unfinished executions before their states are read; return the error of a full disk."""
    try:
        close_unfinished(workdir, ending.error or "", failed=ending.state == "failed")
    except StorageError as error:
        return str(error)
    return None


def _write(summary: RunSummary, workdir: Workdir) -> str | None:
    """Write summary, seal and backup; return the message if the disk is full."""
    try:
        write_summary(summary, workdir.runs / summary.run_id)
        if summary.nodes:
            seal_run(workdir.root, summary.run_id)
        back_up(workdir)
    except StorageError as error:
        return str(error)
    return None


def _print_error(message: str, console: Console) -> None:
    console.print(f"\n[bold red]error:[/] {escape(printable(message))}", soft_wrap=True)
