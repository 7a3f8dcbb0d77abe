"""Lineage to a terminal: tables and trees of what the other modules found."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from core.safe_text import visible
from core.wording import duration, flatten, moment, plural
from pipelines.lineage.compare.changes import Changes, Comparison
from pipelines.lineage.compare.explain import value_words
from pipelines.lineage.find.run_list import RunRow
from pipelines.lineage.verify.verify import Verdict

STYLES = {
    "succeeded": "green", "ran": "green", "cached": "cyan", "failed": "red",
    "interrupted": "yellow", "running": "blue",
}  # fmt: skip
MOST_IDS = 5  # of documents


def print_runs(rows: Sequence[RunRow], console: Console) -> None:
    """A line for each run."""
    several = len({row.pipeline for row in rows}) > 1
    names = ["run", *(["pipeline"] if several else []), "state", "took", "ran", "loss", "model"]
    table = Table(box=box.SIMPLE_HEAD)
    for name in names:
        table.add_column(name, no_wrap=True, justify="right" if name in _NUMBERS else "left")
    for row in rows:
        ran = f"{row.nodes.get('ran', 0)}/{sum(row.nodes.values())}"
        table.add_row(
            escape(row.run), *([_safe(row.pipeline)] if several else []), styled(row.state),
            duration(row.seconds), ran, _loss(row.loss), _model(row),
        )  # fmt: skip
    console.print(table if rows else "No runs.")


_NUMBERS = {"took", "ran", "loss"}


def _model(row: RunRow) -> str:
    """The model's id, and its version; what was not published says its verdict instead."""
    if row.model is None:
        return ""
    if row.version:
        return f"{row.model} [green]→ {_safe(row.version)}[/]"
    verdict = {True: "[green]blessed[/]", False: "not blessed", None: ""}[row.blessed]
    return f"{row.model} {verdict}".strip()


def print_show(told: Mapping[str, Any], console: Console) -> None:
    """A run's nodes, or an artifact and its chain."""
    if told["kind"] == "run":
        _print_run(told, console)
        return
    console.print(f"[bold]{_title(told)}[/]", soft_wrap=True)
    gone = "" if told["exists"] else " [red](gone)[/]"
    console.print(f"  {_safe(told['folder'])}{gone}", soft_wrap=True)
    if made_by := told["made_by"]:
        console.print(f"  made by {_execution(made_by)}", soft_wrap=True)
        if made_by["started_from"] is not None:
            console.print(f"  training started from model {made_by['started_from']}")
    if told["reused_by"]:
        runs = [*told["reused_by"][:3], *(["…"] if len(told["reused_by"]) > 3 else [])]
        console.print(f"  reused by {plural(len(told['reused_by']), 'run', 'runs')}: "
                      f"{escape(', '.join(runs))}", soft_wrap=True)  # fmt: skip
    upstream = told["direction"] == "upstream"
    console.print(f"\n[bold]{'made from' if upstream else 'led to'}[/]")
    console.print(_tree(told["chain"], upstream))
    known = {**flatten(told["properties"]), **flatten(told["facts"])}
    console.print("\n[bold]known of it[/] [dim](settings and more with --json)[/]")
    _print_pairs(
        ((n, v) for n, v in known.items() if not n.startswith(("settings.", "code_"))), console
    )


def print_comparison(found: Comparison, console: Console) -> None:
    """The sentence first, then the parts that differ."""
    console.print(f"[bold]{_safe(found.sentence)}[/]", soft_wrap=True)
    console.print(f"[dim]{escape(found.before)} → {escape(found.after)}[/]")
    _print_changes("settings", found.settings, console)
    if found.corpus:
        corpus = found.corpus
        console.print(f"\n[bold]text[/]  {corpus.before:,} → {corpus.after:,} documents")
        for file in corpus.files[:MOST_IDS]:
            console.print(f"  {_safe(file)}")
        if len(corpus.files) > MOST_IDS:
            console.print("  … more files; see --json")
        for sign, count, ids in (("+", corpus.added, corpus.added_ids),
                                 ("-", corpus.removed, corpus.removed_ids)):  # fmt: skip
            for document_id in ids[:MOST_IDS]:
                console.print(f"  {sign} {document_id}")
            if count > len(ids[:MOST_IDS]):
                console.print(f"  {sign} … {count - len(ids[:MOST_IDS]):,} more")
    parts = ("vocabulary", "code", "commits", "versions", "machine", "model", "metrics", "places")
    for name in parts:
        _print_changes(name, getattr(found, name), console)
    for node, run in found.missing:
        console.print(f"  {escape(node)}: not in {escape(run)}")


def print_verdict(verdict: Verdict, console: Console) -> None:
    """What is not as it was written, or that all is."""
    for finding in verdict.findings:
        kind = f"[red]{finding.kind:<8}[/]"
        console.print(f"{kind} {_safe(finding.path)}: {_safe(finding.problem)}", soft_wrap=True)
    checked = plural(verdict.artifacts, "artifact", "artifacts")
    sealed = f"{checked} and the seals of {plural(verdict.runs, 'run', 'runs')}"
    count = len(verdict.findings)
    if count:
        console.print(f"[bold red]{plural(count, 'thing is', 'things are')} not as written[/] "
                      f"in {sealed}. Delete what was changed and run again.")  # fmt: skip
    else:
        console.print(f"[bold green]All as written:[/] {sealed}.")
    if verdict.unsealed:
        console.print(
            f"[dim]{plural(len(verdict.unsealed), 'run has', 'runs have')} no seal: statistics, "
            f"reports and logs of {'it' if len(verdict.unsealed) == 1 else 'them'} are only looked "
            f"for. `textmill lineage seal RUN` writes one.[/]"
        )
    if verdict.seal:
        console.print(f"newest seal {verdict.seal}", soft_wrap=True)


def styled(state: str) -> str:
    """A state in its colour."""
    return f"[{STYLES.get(state, 'default')}]{escape(state)}[/]"


def _print_run(told: Mapping[str, Any], console: Console) -> None:
    console.print(
        f"[bold]Run {escape(told['run'])}[/] of {_safe(told['pipeline'])}: "
        f"{styled(told['state'])}, began {moment(told['began'])} UTC"
    )
    if told["error"]:
        console.print(f"  [red]{_safe(told['error'])}[/]", soft_wrap=True)
    if commit := told["git"].get("commit"):
        edited = ", with uncommitted changes" if told["git"].get("dirty") else ""
        console.print(f"  git {_safe(commit)}{edited}")
    if words := _origin_words(told["origin"]):
        console.print(f"  {words}")
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("node", "state", "took", "artifact", "what it is"):
        table.add_column(name, no_wrap=name != "what it is")
    for node in told["nodes"]:
        state = styled(node["state"])
        reuse = f" [dim]of {escape(node['from_run'])}[/]" if node["state"] == "cached" else ""
        made = list(node["made"].values()) or [None]
        for index, artifact in enumerate(made):
            first = (_safe(node["node"]), state + reuse, duration(node["seconds"]))
            words = _in_words(artifact) if artifact else ""
            number = str(artifact["id"]) if artifact else ""
            table.add_row(*(first if index == 0 else ("", "", "")), number, words)
    console.print(table)


def _origin_words(origin: Mapping[str, Any]) -> str:
    hardware = origin.get("hardware") or {}
    machine = f"{hardware.get('cpus')} CPUs, {hardware.get('processor')}" if hardware else ""
    told = {"by": origin.get("user"), "on": machine, "in": origin.get("image_digest")}
    return _safe(" ".join(f"{word} {value}" for word, value in told.items() if value))


def _in_words(artifact: Mapping[str, Any]) -> str:
    gone = "" if artifact["exists"] else " [red](gone)[/]"
    words = f": {_safe(artifact['words'])}" if artifact["words"] else ""
    return f"{_safe(artifact['noun'])}{words}{gone}"


def _title(told: Mapping[str, Any]) -> str:
    return f"{_safe(told['noun'])} {told['id']}" + (
        f": {_safe(told['words'])}" if told["words"] else ""
    )


def _execution(made_by: Mapping[str, Any]) -> str:
    code = f", code {_safe(made_by['code_digest'])}" if made_by["code_digest"] else ""
    commit = f", git {_safe(made_by['commit'])[:12]}" if made_by["commit"] else ""
    edited = "+" if made_by["dirty"] else ""
    return f"{_safe(made_by['node'])} of run {escape(made_by['run'])}{code}{commit}{edited}"


def _tree(chain: Sequence[Mapping[str, Any]], upstream: bool) -> Tree:
    """Each artifact once, below the nearest one that it belongs to."""
    first, *rest = chain
    tree = Tree(_title(first))
    branches = {first["id"]: tree}
    parents = {
        number: told["id"] for told in reversed(chain) for number in told.get("made_from", ())
    }
    for told in rest:
        near = [parents.get(told["id"])] if upstream else told.get("made_from", ())
        parent = next((branches[number] for number in near if number in branches), tree)
        by = told.get("made_by")
        made_by = f"  [dim]{_safe(by['node'])} of {escape(by['run'])}[/]" if by else ""
        label = f"{_title(told)}{made_by}"
        branches[told["id"]] = parent.add(label)
    return tree


def _print_changes(title: str, changes: Changes, console: Console) -> None:
    if not changes:
        return
    console.print(f"\n[bold]{title}[/]")
    table = Table(box=None, show_header=False, padding=(0, 2))
    for change in changes:
        values = (value_words(change.before), "→", value_words(change.after))
        table.add_row(_safe(change.name), *map(_safe, values))
    console.print(table)


def _print_pairs(pairs: Iterable[tuple[str, str]], console: Console) -> None:
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(f"[dim]{_safe(name)}[/]", _safe(value))
    console.print(table)


def _loss(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


def _safe(text: Any) -> str:
    """Names and texts are strangers': no control characters, no markup."""
    return escape(visible(str(text)))
