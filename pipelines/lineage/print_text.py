"""Print lineage to a terminal as tables and trees."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from core.format_numbers import format_count, format_duration, format_moment, format_size
from core.json_object import flatten_facts
from core.wording import visible
from pipelines.lineage.compare.differences import Changes, Comparison, CorpusChange
from pipelines.lineage.compare.explain import format_value
from pipelines.lineage.find.run_list import RunRow
from pipelines.lineage.verify.garbage import Orphan
from pipelines.lineage.verify.verify import Verification
from pipelines.table import Table, print_table

STYLES = {
    "succeeded": "green", "ran": "green", "cached": "cyan", "failed": "red",
    "interrupted": "yellow", "running": "blue",
}  # fmt: skip
MAX_IDS = 5  # of documents


def print_runs(rows: Sequence[RunRow], console: Console) -> None:
    """Print one line per run."""
    several = len({row.pipeline for row in rows}) > 1
    names = ["run", *(["pipeline"] if several else []), "state", "time", "ran", "loss", "model"]
    table = Table(*names, right=_NUMBERS, wraps=True)
    for row in rows:
        ran = f"{row.nodes.get('ran', 0)}/{sum(row.nodes.values())}"
        loss = "" if row.loss is None else f"{row.loss:.3f}"
        table.add_row(
            escape(row.run), *([safe(row.pipeline)] if several else []), styled(row.state),
            format_duration(row.seconds), ran, loss, _model(row),
        )  # fmt: skip
    if rows:
        print_table(table, console)
    else:
        console.print("No runs.")


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
    artifacts = format_count(verification.artifacts, "artifact", "artifacts")
    checked = f"{artifacts} and the seals of {format_count(verification.runs, 'run', 'runs')}"
    count = len(verification.findings)
    if count:
        console.print(f"[bold red]{format_count(count, 'mismatch', 'mismatches')}[/] in {checked}. "
                      f"Delete what was changed and run again.")  # fmt: skip
    else:
        console.print(f"[bold green]No mismatch[/] in {checked}.")
    if verification.unsealed:
        console.print(
            f"[dim]{format_count(len(verification.unsealed), 'run has', 'runs have')} no seal: for "
            f"their statistics, reports and logs, only presence was checked. Write a seal with "
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
        line = f"{format_size(orphan.size_bytes):>8}  {safe(orphan.path)}  ({safe(orphan.why)})"
        console.print(line, soft_wrap=True)
    total = format_size(sum(orphan.size_bytes for orphan in orphans))
    outcome = "deleted" if deleted else "not deleted; delete them with --delete"
    console.print(f"{format_count(len(orphans), 'orphan', 'orphans')}, {total}: {outcome}.")


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
    table = Table("", "", wraps=True)
    if title == "commits" and len({(c.before, c.after) for c in changes}) == 1:
        changes = (replace(changes[0], name=format_count(len(changes), "node", "nodes")),)
    for change in changes:
        values = f"{format_value(change.before)} → {format_value(change.after)}"
        table.add_row(safe(change.name), safe(values))
    print_table(table, console)


def safe(text: Any) -> str:
    """Escape control characters and markup: names and texts may be hostile."""
    return escape(visible(str(text)))


def print_show(shown: Mapping[str, Any], console: Console) -> None:
    """Print the nodes of a run, or an artifact and its relatives."""
    if shown["kind"] == "run":
        _print_run(shown, console)
        return
    console.print(f"[bold]{_title(shown)}[/]", soft_wrap=True)
    gone = "" if shown["exists"] else " [red](gone)[/]"
    console.print(f"  {safe(shown['folder'])}{gone}", soft_wrap=True)
    if made_by := shown["made_by"]:
        console.print(f"  made by {_execution(made_by)}", soft_wrap=True)
        if made_by["started_from"] is not None:
            console.print(f"  training started from model {made_by['started_from']}")
    if reused_by := shown["reused_by"]:
        runs = [*reused_by[:3], *(["…"] if len(reused_by) > 3 else [])]
        console.print(f"  reused by {format_count(len(reused_by), 'run', 'runs')}: "
                      f"{escape(', '.join(runs))}", soft_wrap=True)  # fmt: skip
    upstream = shown["direction"] == "upstream"
    console.print(f"\n[bold]{'inputs' if upstream else 'descendants'}[/]")
    console.print(_tree(shown["chain"], upstream))
    details = {**flatten_facts(shown["properties"]), **flatten_facts(shown["facts"])}
    console.print("\n[bold]details[/] [dim](settings and more with --json)[/]")
    _print_pairs(
        ((n, v) for n, v in details.items() if not n.startswith(("settings.", "code_"))), console
    )


def _print_run(shown: Mapping[str, Any], console: Console) -> None:
    console.print(
        f"[bold]Run {escape(shown['run'])}[/] of {safe(shown['pipeline'])}: "
        f"{styled(shown['state'])}, started {format_moment(shown['began'])} UTC"
    )
    if shown["error"]:
        console.print(f"  [red]{safe(shown['error'])}[/]", soft_wrap=True)
    if commit := shown["git"].get("commit"):
        edited = ", with uncommitted changes" if shown["git"].get("dirty") else ""
        console.print(f"  git {safe(commit)}{edited}")
    if words := _origin_words(shown["origin"]):
        console.print(f"  {words}")
    names = ("node", "state", "time", "artifact", "content")
    table = Table(*names, right=["time", "artifact"], wraps=True)
    for node in shown["nodes"]:
        reuse = (
            f"\n[dim]from run {escape(node['from_run'])}[/]" if node["state"] == "cached" else ""
        )
        made = list(node["made"].values()) or [None]
        for index, artifact in enumerate(made):
            first = (safe(node["node"]), styled(node["state"]), format_duration(node["seconds"]))
            words = (_in_words(artifact) if artifact else "") + (reuse if index == 0 else "")
            number = str(artifact["id"]) if artifact else ""
            table.add_row(*(first if index == 0 else ("", "", "")), number, words)
    print_table(table, console)


def _origin_words(origin: Mapping[str, Any]) -> str:
    hardware = origin.get("hardware") or {}
    machine = f"{hardware.get('cpus')} CPUs, {hardware.get('processor')}" if hardware else ""
    parts = {"by": origin.get("user"), "on": machine, "in": origin.get("image_digest")}
    return safe(" ".join(f"{word} {value}" for word, value in parts.items() if value))


def _in_words(artifact: Mapping[str, Any]) -> str:
    gone = "" if artifact["exists"] else " [red](gone)[/]"
    words = f": {safe(artifact['words'])}" if artifact["words"] else ""
    return f"{safe(artifact['noun'])}{words}{gone}"


def _title(shown: Mapping[str, Any]) -> str:
    return f"{safe(shown['noun'])} {shown['id']}" + (
        f": {safe(shown['words'])}" if shown["words"] else ""
    )


def _execution(made_by: Mapping[str, Any]) -> str:
    code = f", code {safe(made_by['code_digest'])}" if made_by["code_digest"] else ""
    commit = f", git {safe(made_by['commit'])[:12]}" if made_by["commit"] else ""
    edited = "+" if made_by["dirty"] else ""
    return f"{safe(made_by['node'])} of run {escape(made_by['run'])}{code}{commit}{edited}"


def _tree(chain: Sequence[Mapping[str, Any]], upstream: bool) -> Tree:
    """Build a tree with each artifact once, below its nearest relative."""
    first, *rest = chain
    tree = Tree(_title(first))
    branches = {first["id"]: tree}
    users = {number: link["id"] for link in reversed(chain) for number in link.get("made_from", ())}
    for link in rest:
        near = [users.get(link["id"])] if upstream else link.get("made_from", ())
        parent = next((branches[number] for number in near if number in branches), tree)
        by = link.get("made_by")
        made_by = f"  [dim]{safe(by['node'])} in {escape(by['run'])}[/]" if by else ""
        branches[link["id"]] = parent.add(f"{_title(link)}{made_by}")
    return tree


def _print_pairs(pairs: Iterable[tuple[str, str]], console: Console) -> None:
    table = Table("", "", wraps=True)
    for name, value in pairs:
        table.add_row(f"[dim]{safe(name)}[/]", safe(value))
    print_table(table, console)
