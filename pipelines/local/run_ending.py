"""How a run ends, whichever command began it: its exit code, its summary, what is kept of it."""

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from core import storage
from core.errors import InputError, StoppedError, TextmillError, printable
from core.provenance import git_state
from pipelines.exit_codes import FAILED, INPUT_ERROR, INTERRUPTED, SUCCEEDED, TERMINATED
from pipelines.local.run_summary import SUMMARY, RunSummary, print_summary, summarise, write_summary
from pipelines.local.store_care import back_up, close_unfinished
from pipelines.metadata.seal import seal_run
from pipelines.workdir import Workdir

STOPPED_BY = {INTERRUPTED: "Stopped by Ctrl-C.", TERMINATED: "Stopped by SIGTERM."}


@dataclass(frozen=True)
class Begun:
    """A run that has begun."""

    run_id: str
    pipeline: str
    workdir: Workdir
    logs: dict[str, str]  # what to call it, and its path

    @property
    def folder(self) -> Path:
        """Where the summary goes."""
        return self.workdir.runs / self.run_id


@dataclass(frozen=True)
class Outcome:
    """How the work went."""

    state: str = "succeeded"  # or failed, interrupted
    error: str | None = None
    code: int = SUCCEEDED


def see_to_the_end(
    begun: Begun,
    work: Callable[[], Exception | None],
    seconds: Callable[[], dict[str, float]],
    console: Console,
) -> tuple[RunSummary, int]:
    """Does a run's work, and then keeps and prints what became of it.

    Args:
        begun: the run.
        work: all of it; it raises what ends it, or returns the error of a task that failed.
        seconds: wall time of each node that began, asked for when the work has ended.
        console: for the summary.

    Returns:
        The summary, and the exit code.
    """
    outcome = _do(work, begun)
    summary = summarise(
        metadata_path=begun.workdir.metadata,
        run_id=begun.run_id,
        recipe=begun.pipeline,
        seconds=seconds(),
        state=outcome.state,
        error=outcome.error,
        git=git_state(),
        places={"summary": str(begun.folder / SUMMARY), **begun.logs},
    )
    unkept = _keep(summary, begun.workdir)
    print_summary(summary, console)
    if summary.error:
        _print_error(summary.error, console)
        if summary.state == "interrupted":
            console.print("The same command goes on from here: what is done is cached.")
        elif summary.nodes:
            console.print("Run again when that is mended: what is done is cached.")
    if unkept:
        _print_error(unkept, console)
    return summary, FAILED if unkept and outcome.code == SUCCEEDED else outcome.code


def _do(work: Callable[[], Exception | None], begun: Begun) -> Outcome:
    try:
        failed = work()
    except KeyboardInterrupt:
        return Outcome("interrupted", STOPPED_BY[INTERRUPTED], INTERRUPTED)
    except StoppedError as stopped:
        # Training saves its state on either signal before it stops.
        code = INTERRUPTED if stopped.code == INTERRUPTED else TERMINATED
        return Outcome("interrupted", STOPPED_BY[code], code)
    except InputError as wrong:
        return Outcome("failed", str(wrong), INPUT_ERROR)
    except TextmillError as wrong:  # explained: a trace would only hide it, where no log is yet
        return Outcome("failed", str(wrong), FAILED)
    except Exception as wrong:
        # Not swallowed: the run is reported as failed, and the log has the whole trace.
        logging.getLogger(__name__).exception("the run failed")
        return Outcome("failed", _explain(wrong, begun), FAILED)
    return Outcome() if failed is None else Outcome("failed", str(failed), FAILED)


def _explain(error: Exception, begun: Begun) -> str:
    """What failed, in the words of a full disk where it is one."""
    if isinstance(error, MemoryError):
        return (
            f"Memory ran out ({str(error) or 'no more could be had'}). Set fewer beam.workers, a "
            f"smaller trainer.global_batch_size or model, and run again: what is done is cached."
        )
    told = storage.explain_full_disk(error, _place_of(error, begun))
    return told or f"{type(error).__name__}: {error}"


def _place_of(error: Exception, begun: Begun) -> str:
    """The file that the error is about, as far as its text says."""
    if storage.is_sqlite_full(error):
        return str(begun.workdir.metadata)
    named = re.search(rf"{re.escape(str(begun.workdir.root))}/[^\s'\":;]+", str(error))
    return named[0] if named else str(begun.folder)


def _keep(summary: RunSummary, workdir: Workdir) -> str | None:
    """Writes what is kept of a run; returns the message if the disk has no room for it.

    Executions that did not end are closed before the seal, which holds their states.
    """
    try:
        write_summary(summary, workdir.runs / summary.run_id)
        close_unfinished(workdir, summary.error or "")
        if summary.nodes:
            seal_run(workdir.root, summary.run_id)
        back_up(workdir)
    except storage.StorageError as error:
        return str(error)
    return None


def _print_error(message: str, console: Console) -> None:
    console.print(f"\n[bold red]error:[/] {escape(printable(message))}", soft_wrap=True)
