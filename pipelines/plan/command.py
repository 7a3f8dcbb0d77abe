"""`textmill plan`: the plan as a table for people or JSON for programs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.plan.cost import Estimate, Work
    from pipelines.plan.plan import Plan

MOST_NAMED = 2  # nodes that another one waits for
STYLES = {"runs": "green", "cached": "cyan", "looks up": "dim"}


def plan(
    recipe: Annotated[
        str, typer.Argument(help="A shipped recipe's name (see `textmill recipes`) or a YAML file.")
    ],
    text: Annotated[
        list[str],
        typer.Option(help="A file, a folder or a glob in quotes; plain or .gz. May be repeated."),
    ],
    workdir: Annotated[str, typer.Option(help="The folder of the runs; nothing is written.")] = (
        "work"
    ),
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="Overrides a setting, as trainer.steps=2000. May be repeated."),
    ] = None,
    span: Annotated[
        int | None,
        typer.Option(help="Which {SPAN} of the text to take; the newest, if left out."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Plan only this node and what it needs.")] = (
        None
    ),
    machine: Annotated[
        list[str] | None,
        typer.Option(help="A machine preset to work out hours and cost for; all, if left out."),
    ] = None,
    utilisation: Annotated[
        float | None,
        typer.Option(
            min=0.001, max=1, help="Share of the machine's peak that training reaches; else ours."
        ),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option(help="Your own price table, in the form of ours.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Says what a run would do now, node by node and why, and what its training takes."""
    from rich.console import Console

    from pipelines.plan.plan import make_plan
    from pipelines.quiet import hush

    hush(verbose=False)
    made = make_plan(
        recipe,
        text,
        workdir=workdir,
        overrides=set_ or [],
        span=span,
        until=until,
        machines=tuple(machine or ()),
        utilisation=utilisation,
        prices=prices,
    )
    if as_json:
        typer.echo(json.dumps(made.as_json(), indent=1, ensure_ascii=False))
    else:
        print_plan(made, Console(highlight=False))


def print_plan(plan: "Plan", console: "Console") -> None:
    """The nodes, then the arithmetic of the training, then the machines."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from core.wording import duration, plural

    runs = sum(node.state == "runs" for node in plan.nodes)
    cached = sum(node.state == "cached" for node in plan.nodes)
    table = Table(box=box.SIMPLE_HEAD)
    table.title = f"{escape(plan.recipe)}: {plural(runs, 'node', 'nodes')} to run, {cached} cached"
    table.title_justify = "left"
    table.add_column("node", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("last took", justify="right", no_wrap=True)
    table.add_column("why", ratio=1)
    for node in plan.nodes:
        took = "" if node.last_seconds is None else duration(node.last_seconds)
        because = f" [dim](after {escape(_some(node.because_of))})[/]"
        table.add_row(
            escape(node.node), f"[{STYLES[node.state]}]{node.state}[/]", took,
            escape(node.why) + (because if node.because_of else ""),
        )  # fmt: skip
    console.print(table)
    _print_work(plan.work, plan.trains, console)
    if plan.trains:
        _print_estimates(plan.estimates, console)
        console.print(f"[dim]Prices of {escape(plan.prices)}[/]")


def _some(names: tuple[str, ...]) -> str:
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def _print_work(work: "Work", trains: bool, console: "Console") -> None:
    if not trains:
        console.print("No training: the model is cached, or the plan ends before it.")
        return
    console.print(
        f"Training: {work.steps:,} steps × {work.global_batch_size:,} instances × "
        f"{work.seq_length} tokens = {work.tokens:,} tokens; {work.parameters:,} parameters; "
        f"{work.flops:.3g} FLOP"
    )


def _print_estimates(estimates: tuple["Estimate", ...], console: "Console") -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("machine", "time", "on demand", "spot", "TFLOP/s reached"):
        table.add_column(name, no_wrap=True, justify="left" if name == "machine" else "right")
    for found in estimates:
        reached = "timed" if found.reached is None else f"{found.reached / 1e12:,.1f}"
        table.add_row(
            found.machine, _hours(found.hours), _dollars(found.dollars),
            _dollars(found.dollars_spot), reached,
        )  # fmt: skip
    console.print(table)
    slowest = max(estimates, key=lambda found: found.hours)
    console.print(f"As for {slowest.machine}: {slowest.arithmetic} = {_hours(slowest.hours)}.")
    console.print(
        "[dim]The shares of the peak are assumed, and small models reach less: --utilisation.[/]"
    )


def _hours(hours: float) -> str:
    from core.wording import duration

    return f"{hours / 24:,.1f} days" if hours >= 48 else duration(hours * 3600)


def _dollars(dollars: float | None) -> str:
    if dollars is None:
        return "–"
    return f"${dollars:,.2f}" if dollars >= 0.01 else "< $0.01"
