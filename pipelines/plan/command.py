"""The command `textmill plan`: print what a run would do as a table, or as JSON."""

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.options import JsonOption, PricesOption, RunOptions, accept_options

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.plan.plan import Estimate, Plan

MAX_NAMED_NODES = 2
STYLES = {"runs": "green", "cached": "cyan", "looks up": "dim"}


@accept_options
def plan(
    options: RunOptions,
    machine: Annotated[
        list[str] | None,
        typer.Option(
            metavar="MACHINE",
            help="Estimate time and cost for this machine (see `textmill machines`); "
            "all by default. Repeatable.",
        ),
    ] = None,
    utilization: Annotated[
        float | None,
        typer.Option(
            metavar="FRACTION",
            min=0.001,
            max=1,
            help="Fraction of the machine's peak FLOP/s that training reaches; "
            "by default 0.3 (CPU), 0.35 (GPU) or 0.4 (TPU).",
        ),
    ] = None,
    prices: PricesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show which nodes a run would execute and why, and estimate the cost of training.

    Nothing is written to the workdir.

    Example: textmill plan demo --text 'corpus/*.txt' --machine a100
    """
    from rich.console import Console

    from pipelines.plan.plan import make_plan
    from pipelines.quiet import hush

    hush(verbose=False)
    machines = tuple(machine or ())
    made = make_plan(options, machines=machines, utilization=utilization, prices=prices)
    if as_json:
        typer.echo(json.dumps(asdict(made), indent=1, ensure_ascii=False))
    else:
        print_plan(made, Console(highlight=False))


def print_plan(plan: "Plan", console: "Console") -> None:
    """Print the nodes, the amount of training computation, and the estimate per machine."""
    from rich.markup import escape

    _print_nodes(plan, console)
    if not plan.trains:
        console.print("No training: the model is cached, or the plan ends before it.")
        return
    work = plan.work
    console.print(
        f"Training: {work.steps:,} steps × {work.global_batch_size:,} instances × "
        f"{work.seq_length} tokens = {work.tokens:,} tokens; {work.parameters:,} parameters; "
        f"{work.flops:.3g} FLOP"
    )
    _print_estimates(plan.estimates, console)
    console.print(f"[dim]Prices: {escape(plan.prices)}[/]")


def _print_nodes(plan: "Plan", console: "Console") -> None:
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    from core.format_numbers import format_count, format_duration

    runs = sum(node.state == "runs" for node in plan.nodes)
    cached = sum(node.state == "cached" for node in plan.nodes)
    table = Table(box=box.SIMPLE_HEAD)
    table.title = (
        f"{escape(plan.recipe)}: {format_count(runs, 'node', 'nodes')} to run, {cached} cached"
    )
    table.title_justify = "left"
    table.add_column("node", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("last took", justify="right", no_wrap=True)
    table.add_column("why", ratio=1)
    for node in plan.nodes:
        last = "" if node.last_seconds is None else format_duration(node.last_seconds)
        after = f" [dim](after {escape(_abbreviate(node.because_of))})[/]"
        table.add_row(
            escape(node.node),
            f"[{STYLES[node.state]}]{node.state}[/]",
            last,
            escape(node.why) + (after if node.because_of else ""),
        )
    console.print(table)


def _abbreviate(names: tuple[str, ...]) -> str:
    rest = len(names) - MAX_NAMED_NODES
    return ", ".join(names[:MAX_NAMED_NODES]) + (f" and {rest} more" if rest > 0 else "")


def _print_estimates(estimates: tuple["Estimate", ...], console: "Console") -> None:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD)
    for name in ("machine", "time", "on demand", "spot", "TFLOP/s reached"):
        table.add_column(name, no_wrap=True, justify="left" if name == "machine" else "right")
    for estimate in estimates:
        reached = "measured" if estimate.reached is None else f"{estimate.reached / 1e12:,.1f}"
        table.add_row(
            estimate.machine,
            _format_hours(estimate.hours),
            _format_dollars(estimate.dollars),
            _format_dollars(estimate.dollars_spot),
            reached,
        )
    console.print(table)
    slowest = max(estimates, key=lambda estimate: estimate.hours)
    console.print(
        f"How the time on {slowest.machine} is computed: {slowest.arithmetic} = "
        f"{_format_hours(slowest.hours)}."
    )
    console.print(
        "[dim]The utilization is an assumption, and small models reach less. Set your own with "
        "--utilization.[/]"
    )


def _format_hours(hours: float) -> str:
    from core.format_numbers import format_duration

    if hours * 3600 < 1:
        return "< 1 s"
    return f"{hours / 24:,.1f} days" if hours >= 48 else format_duration(hours * 3600)


def _format_dollars(dollars: float | None) -> str:
    if dollars is None:
        return "–"
    return f"${dollars:,.2f}" if dollars >= 0.01 else "< $0.01"
