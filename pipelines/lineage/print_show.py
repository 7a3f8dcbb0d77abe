"""Print the description of a run or an artifact to a terminal."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from rich.tree import Tree

from core.wording import duration, flatten, moment, plural
from pipelines.lineage.print_text import safe, styled


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
        console.print(f"  reused by {plural(len(reused_by), 'run', 'runs')}: "
                      f"{escape(', '.join(runs))}", soft_wrap=True)  # fmt: skip
    upstream = shown["direction"] == "upstream"
    console.print(f"\n[bold]{'inputs' if upstream else 'descendants'}[/]")
    console.print(_tree(shown["chain"], upstream))
    details = {**flatten(shown["properties"]), **flatten(shown["facts"])}
    console.print("\n[bold]details[/] [dim](settings and more with --json)[/]")
    _print_pairs(
        ((n, v) for n, v in details.items() if not n.startswith(("settings.", "code_"))), console
    )


def _print_run(shown: Mapping[str, Any], console: Console) -> None:
    console.print(
        f"[bold]Run {escape(shown['run'])}[/] of {safe(shown['pipeline'])}: "
        f"{styled(shown['state'])}, started {moment(shown['began'])} UTC"
    )
    if shown["error"]:
        console.print(f"  [red]{safe(shown['error'])}[/]", soft_wrap=True)
    if commit := shown["git"].get("commit"):
        edited = ", with uncommitted changes" if shown["git"].get("dirty") else ""
        console.print(f"  git {safe(commit)}{edited}")
    if words := _origin_words(shown["origin"]):
        console.print(f"  {words}")
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("node", "state", "time", "artifact", "content"):
        table.add_column(name, no_wrap=name != "content")
    for node in shown["nodes"]:
        state = styled(node["state"])
        reuse = f" [dim]from {escape(node['from_run'])}[/]" if node["state"] == "cached" else ""
        made = list(node["made"].values()) or [None]
        for index, artifact in enumerate(made):
            first = (safe(node["node"]), state + reuse, duration(node["seconds"]))
            words = _in_words(artifact) if artifact else ""
            number = str(artifact["id"]) if artifact else ""
            table.add_row(*(first if index == 0 else ("", "", "")), number, words)
    console.print(table)


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
    table = Table(box=None, show_header=False, padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(f"[dim]{safe(name)}[/]", safe(value))
    console.print(table)
