"""A run's executions to its summary: `summary.json` for programs, a table for people."""

import contextlib
import json
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core import storage
from core.errors import printable
from core.settings import Settings
from pipelines.metadata.cache_reason import settle
from pipelines.metadata.node_facts import node_counts, summarize_counts
from pipelines.metadata.records import ExecutionRecord, open_store, run_executions

SUMMARY = "summary.json"
STATE_STYLES = {"ran": "green", "cached": "cyan", "failed": "red", "interrupted": "yellow"}


class NodeSummary(Settings):
    """What happened to one node."""

    node: str
    state: str  # ran, cached, failed, interrupted
    why: str
    seconds: float
    counts: dict[str, JsonValue]
    artifacts: dict[str, str]  # output key to the folder


class RunSummary(Settings):
    """What happened in a run, and where its results are."""

    run_id: str
    recipe: str
    state: str  # succeeded, failed, interrupted
    error: str | None
    seconds: float
    git: dict[str, JsonValue]  # commit, dirty; of the code that ran
    nodes: list[NodeSummary]
    places: dict[str, str]  # model, report, logs … to paths


def summarise(
    *,
    metadata_path: Path,
    run_id: str,
    recipe: str,
    seconds: dict[str, float],
    state: str,
    error: str | None,
    git: dict[str, JsonValue],
    places: dict[str, str],
) -> RunSummary:
    """Reads back from ML Metadata what a run did.

    Args:
        metadata_path: the SQLite file; it may be missing, if the run failed early.
        run_id: the run.
        recipe: the pipeline's name.
        seconds: wall time of each node that began.
        state: how the run ended.
        error: the message, if it failed.
        git: commit and dirtiness of the code.
        places: what the caller knows: summary, logs. The rest is added.
    """
    nodes: list[NodeSummary] = []
    found = dict(places)
    if metadata_path.exists() and seconds:
        store = open_store(metadata_path)
        records = run_executions(store, run_id)
        for node_id, spent in seconds.items():
            if node_id in records:
                nodes.append(_summarise_node(store, recipe, records[node_id], spent))
                found.update(_places_of(records[node_id]))
    return RunSummary(
        run_id=run_id,
        recipe=recipe,
        state=state,
        error=error,
        seconds=round(sum(seconds.values()), 2),
        git=git,
        nodes=nodes,
        places=found,
    )


def write_summary(summary: RunSummary, folder: Path) -> None:
    """Writes `summary.json` into the run's folder."""
    content = json.dumps(summary.model_dump(mode="json"), indent=1, ensure_ascii=False) + "\n"
    storage.write_bytes(str(folder / SUMMARY), content.encode())


def print_summary(summary: RunSummary, console: Console) -> None:
    """Prints the table of nodes, and where the results are."""
    table = Table(box=box.SIMPLE_HEAD, title=f"Run {summary.run_id}: {summary.state}")
    table.title_justify = "left"
    table.add_column("node", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("seconds", justify="right", no_wrap=True)
    table.add_column("what it made, and why it ran or did not", ratio=1)
    for node in summary.nodes:
        style = STATE_STYLES[node.state]
        words, why = escape(summarize_counts(node.counts)), f"[dim]{escape(node.why)}[/]"
        told = f"{words}\n{why}" if words else why
        table.add_row(node.node, f"[{style}]{node.state}[/]", f"{node.seconds:.1f}", told)
    console.print(table)
    for name, path in summary.places.items():
        console.print(f"  [bold]{name:<12}[/] {escape(printable(short(path)))}", soft_wrap=True)


def short(path: str) -> str:
    """A path for people: relative to the current directory if it lies below it, else as it is."""
    with contextlib.suppress(ValueError):
        return str(Path(path).relative_to(Path.cwd()))
    return path


def _summarise_node(
    store: Any, recipe: str, record: ExecutionRecord, seconds: float
) -> NodeSummary:
    state, why = settle(store, recipe, record)
    return NodeSummary(
        node=record.node_id,
        state=state,
        why=why,
        seconds=round(seconds, 2),
        counts=node_counts(record),
        artifacts={key: found[-1].uri for key, found in record.outputs.items()},
    )


def _places_of(record: ExecutionRecord) -> dict[str, str]:
    """What a person looks for among a node's artifacts."""
    uris = {key: found[-1].uri for key, found in record.outputs.items()}
    places = {}
    if "report" in uris:
        places["report"] = f"{uris['report']}/report.html"
    if "model_run" in uris:
        places["TensorBoard"] = uris["model_run"]
    for pushed in record.outputs.get("pushed_model", ()):
        if pushed.properties.get("pushed_destination"):
            places["model"] = str(pushed.properties["pushed_destination"])
    return places
