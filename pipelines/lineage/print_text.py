"""Print lineage to a terminal as tables and trees."""

from collections.abc import Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from core.safe_text import visible
from core.wording import duration, plural, size
from pipelines.lineage.compare.changes import Changes, Comparison
from pipelines.lineage.compare.corpus_change import CorpusChange
from pipelines.lineage.compare.explain import format_value
from pipelines.lineage.find.run_list import RunRow
from pipelines.lineage.verify.garbage import Orphan
from pipelines.lineage.verify.verify import Verification

STYLES = {
    "succeeded": "green", "ran": "green", "cached": "cyan", "failed": "red",
    "interrupted": "yellow", "running": "blue",
}  # fmt: skip
MAX_IDS = 5  # of documents


def print_runs(rows: Sequence[RunRow], console: Console) -> None:
    """Print one line per run."""
    several = len({row.pipeline for row in rows}) > 1
    names = ["run", *(["pipeline"] if several else []), "state", "time", "ran", "loss", "model"]
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, no_wrap=True, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        ran = f"{row.nodes.get('ran', 0)}/{sum(row.nodes.values())}"
        table.add_row(
            escape(row.run), *([safe(row.pipeline)] if several else []), styled(row.state),
            duration(row.seconds), ran, _loss(row.loss), _model(row),
        )  # fmt: skip
    console.print(table if rows else "No runs.")


_NUMBERS = {"time", "ran", "loss"}


def _model(row: RunRow) -> str:
    """Return the model's id and version, or whether it is blessed if it was not published."""
    if row.model is None:
        return ""
    if row.version:
        return f"{row.model} [green]→ {safe(row.version)}[/]"
    blessing = {True: "[green]blessed[/]", False: "not blessed", None: ""}[row.blessed]
    return f"{row.model} {blessing}".strip()


def print_comparison(comparison: Comparison, console: Console) -> None:
    """Print the sentence, then the parts that differ."""
    console.print(f"[bold]{safe(comparison.sentence)}[/]", soft_wrap=True)
    console.print(f"[dim]{escape(comparison.before)} → {escape(comparison.after)}[/]")
    _print_changes("settings", comparison.settings, console)
    if comparison.corpus:
        _print_corpus(comparison.corpus, console)
    parts = ("vocabulary", "code", "commits", "versions", "machine", "model", "metrics", "places")
    for name in parts:
        _print_changes(name, getattr(comparison, name), console)
    for node, run in comparison.missing:
        console.print(f"  {escape(node)}: not in {escape(run)}")


def print_verification(verification: Verification, console: Console) -> None:
    """Print what is not as it was written, or that everything is."""
    for mismatch in verification.findings:
        kind = f"[red]{mismatch.kind:<8}[/]"
        console.print(f"{kind} {safe(mismatch.path)}: {safe(mismatch.problem)}", soft_wrap=True)
    artifacts = plural(verification.artifacts, "artifact", "artifacts")
    checked = f"{artifacts} and the seals of {plural(verification.runs, 'run', 'runs')}"
    count = len(verification.findings)
    if count:
        console.print(f"[bold red]{plural(count, 'mismatch', 'mismatches')}[/] in {checked}. "
                      f"Delete what was changed and run again.")  # fmt: skip
    else:
        console.print(f"[bold green]No mismatch[/] in {checked}.")
    if verification.unsealed:
        console.print(
            f"[dim]{plural(len(verification.unsealed), 'run has', 'runs have')} no seal: for their "
            f"statistics, reports and logs, only presence was checked. Write a seal with "
            f"`textmill lineage seal RUN`.[/]"
        )
    if verification.seal:
        console.print(f"newest seal {verification.seal}", soft_wrap=True)


def print_orphans(orphans: Sequence[Orphan], deleted: bool, console: Console) -> None:
    """Print the orphans of a workdir and their total size."""
    if not orphans:
        console.print("No orphans.")
        return
    for orphan in orphans:
        line = f"{size(orphan.size_bytes):>8}  {safe(orphan.path)}  ({safe(orphan.why)})"
        console.print(line, soft_wrap=True)
    total = size(sum(orphan.size_bytes for orphan in orphans))
    outcome = "deleted" if deleted else "not deleted; delete them with --delete"
    console.print(f"{plural(len(orphans), 'orphan', 'orphans')}, {total}: {outcome}.")


def styled(state: str) -> str:
    """Return a state with its color."""
    return f"[{STYLES.get(state, 'default')}]{escape(state)}[/]"


def _print_corpus(corpus: CorpusChange, console: Console) -> None:
    console.print(f"\n[bold]text[/]  {corpus.before:,} → {corpus.after:,} documents")
    for file in corpus.files[:MAX_IDS]:
        console.print(f"  {safe(file)}")
    if len(corpus.files) > MAX_IDS:
        console.print("  … more files; see --json")
    for sign, count, ids in (("+", corpus.added, corpus.added_ids),
                             ("-", corpus.removed, corpus.removed_ids)):  # fmt: skip
        for document_id in ids[:MAX_IDS]:
            console.print(f"  {sign} {document_id}")
        if count > len(ids[:MAX_IDS]):
            console.print(f"  {sign} … {count - len(ids[:MAX_IDS]):,} more")


def _print_changes(title: str, changes: Changes, console: Console) -> None:
    if not changes:
        return
    console.print(f"\n[bold]{title}[/]")
    table = Table(box=None, show_header=False, padding=(0, 2))
    for change in changes:
        values = (format_value(change.before), "→", format_value(change.after))
        table.add_row(safe(change.name), *map(safe, values))
    console.print(table)


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def safe(text: Any) -> str:
    """Escape control characters and markup: names and texts may be hostile."""
    return escape(visible(str(text)))
