"""Summarize a run: `summary.json` for programs, a table for people."""

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue
from rich.console import Console
from rich.markup import escape
from rich.style import Style
from rich.text import Text

from core import storage
from core.errors import printable
from core.file_names import SUMMARY
from core.format_numbers import format_duration
from core.provenance import git_state
from core.settings import Settings
from pipelines.metadata.cache_reason import node_counts, settle, summarize_counts
from pipelines.metadata.names import PUSHED_DESTINATION
from pipelines.metadata.read_store import Store
from pipelines.metadata.records import ExecutionRecord, Records
from pipelines.table import Table, print_table
from pipelines.workdir import Workdir

STATE_STYLES = {"ran": "green", "cached": "cyan", "failed": "red", "interrupted": "yellow"}


@dataclass(frozen=True)
class StartedRun:
    """A run that has started."""

    run_id: str
    pipeline: str
    workdir: Workdir
    logs: dict[str, str]  # label in the summary, and path
    rerun: str | None = None  # the first node that did not use the cache

    @property
    def folder(self) -> Path:
        """The folder of the summary."""
        return self.workdir.runs / self.run_id


class NodeSummary(Settings):
    """The result of one node."""

    node: str
    state: str  # ran, cached, failed, interrupted
    why: str
    seconds: float
    counts: dict[str, JsonValue]
    artifacts: dict[str, str]  # output key to folder


class RunSummary(Settings):
    """The results of a run and their locations."""

    run_id: str
    recipe: str
    state: str  # succeeded, failed, interrupted
    error: str | None
    seconds: float
    git: dict[str, JsonValue]  # commit and dirty, for the code that ran
    nodes: list[NodeSummary]
    places: dict[str, str]  # label (model, report, log …) to path


def summarize(
    run: StartedRun, seconds: dict[str, float], state: str, error: str | None
) -> RunSummary:
    """Summarize a run from its records in ML Metadata; there are none if it failed early.

    Args:
        run: the run.
        seconds: wall time of each node that started.
        state: how the run ended.
        error: the message, if it failed.
    """
    nodes: list[NodeSummary] = []
    places = {"summary": str(run.folder / SUMMARY), **run.logs}
    if run.workdir.metadata.exists() and seconds:
        records = Records(Store(run.workdir.metadata))
        of_run = records.of_run(run.run_id)
        for node_id, node_seconds in seconds.items():
            if node_id in of_run:
                nodes.append(_summarize_node(records, run, of_run[node_id], node_seconds))
                places.update(_collect_places(of_run[node_id]))
    return RunSummary(
        run_id=run.run_id,
        recipe=run.pipeline,
        state=state,
        error=error,
        seconds=round(sum(seconds.values()), 2),
        git=git_state(),
        nodes=nodes,
        places=places,
    )


def write_summary(summary: RunSummary, folder: Path) -> None:
    """Write `summary.json` into the run's folder."""
    content = json.dumps(summary.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    storage.write_bytes(str(folder / SUMMARY), content.encode())


def print_summary(summary: RunSummary, console: Console) -> None:
    """Print the table of nodes and the paths of the results."""
    names = ("node", "state", "seconds", "result and reason")
    after = f" after {format_duration(summary.seconds)}" if summary.nodes else ""
    title = f"[bold]Run {summary.run_id}: {summary.state}{after}[/]"
    table = Table(*names, right=["seconds"], wraps=True, title=title)
    for node in summary.nodes:
        style = STATE_STYLES[node.state]
        result, why = escape(summarize_counts(node.counts)), f"[dim]{escape(node.why)}[/]"
        text = f"{result}\n{why}" if result else why
        table.add_row(node.node, f"[{style}]{node.state}[/]", f"{node.seconds:.1f}", text)
    if summary.nodes:
        print_table(table, console)
    else:
        console.print(f"{title}\n")
    for name, path in summary.places.items():
        console.print(f"  [bold]{name:<12}[/]", link_to(path), soft_wrap=True)


def link_to(path: str) -> Text:
    """Return a short path that can be clicked in terminals that know links (OSC 8)."""
    is_remote = storage.is_remote(path)
    link = "" if is_remote else Path(path).absolute().as_uri()
    return Text(printable(short(path)), Style(link=link) if link else Style())


def short(path: str) -> str:
    """Return a path relative to the current directory if it is below it, else unchanged."""
    with contextlib.suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


def _summarize_node(
    records: Records, run: StartedRun, record: ExecutionRecord, seconds: float
) -> NodeSummary:
    state, why = settle(records, run.pipeline, record, rerun=run.rerun)
    return NodeSummary(
        node=record.node_id,
        state=state,
        why=why,
        seconds=round(seconds, 2),
        counts=node_counts(record),
        artifacts=_uris(record),
    )


def _collect_places(record: ExecutionRecord) -> dict[str, str]:
    """Return the locations that a user wants to open among a node's outputs."""
    uris = _uris(record)
    places = {}
    if "report" in uris:
        places["report"] = f"{uris['report']}/report.html"
    if "model_run" in uris:
        places["TensorBoard"] = uris["model_run"]
    for pushed in record.outputs.get("pushed_model", ()):
        if pushed.properties.get(PUSHED_DESTINATION):
            places["model"] = str(pushed.properties[PUSHED_DESTINATION])
    return places


def _uris(record: ExecutionRecord) -> dict[str, str]:
    return {key: artifacts[-1].uri for key, artifacts in record.outputs.items()}
