"""The command `textmill plan`: print what a run would do as a table, or as JSON."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.options import JsonOption, PricesOption, RunOptions, accept_options, print_json

if TYPE_CHECKING:
    from rich.console import Console

    from pipelines.plan.estimates import Estimate
    from pipelines.plan.plan import Plan

MAX_NAMED_NODES = 2
SECONDS_PER_HOUR = 3600.0
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
        print_json(asdict(made))
    else:
        print_plan(made, Console(highlight=False))


def print_plan(plan: "Plan", console: "Console") -> None:
    """Print the nodes, the amount of training computation, and the estimate per machine."""
    from rich.markup import escape

    from core.format_numbers import format_flop

    _print_nodes(plan, console)
    for warning in plan.warnings:
        console.print(f"[yellow]Warning:[/] {escape(warning)}")
    if not plan.trains:
        console.print("No training: the model is cached, or the plan ends before it.")
        return
    work = plan.work
    if plan.budget:
        console.print(escape(plan.budget))
    console.print(
        f"Training: {work.steps:,} steps × {work.global_batch_size:,} instances × "
        f"{work.seq_length} tokens = {work.tokens:,} tokens; {work.parameters:,} parameters; "
        f"{format_flop(work.flops)}"
    )
    _print_estimates(plan.estimates, console)
    _print_memory(plan.estimates, console)
    console.print(f"[dim]Prices: {escape(plan.prices)}[/]")


def _print_nodes(plan: "Plan", console: "Console") -> None:
    from rich.markup import escape

    from core.format_numbers import format_count, format_duration
    from pipelines.table import Table, print_table

    runs = sum(node.state == "runs" for node in plan.nodes)
    cached = sum(node.state == "cached" for node in plan.nodes)
    title = f"{escape(plan.recipe)}: {format_count(runs, 'node', 'nodes')} to run, {cached} cached"
    names = ("node", "state", "last took", "why")
    table = Table(*names, right=["last took"], wraps=True, title=f"[bold]{title}[/]")
    for node in plan.nodes:
        last = "" if node.last_seconds is None else format_duration(node.last_seconds)
        after = f" [dim](after {escape(_abbreviate(node.because_of))})[/]"
        table.add_row(
            escape(node.node),
            f"[{STYLES[node.state]}]{node.state}[/]",
            last,
            escape(node.why) + (after if node.because_of else ""),
        )
    print_table(table, console)


def _abbreviate(names: tuple[str, ...]) -> str:
    rest = len(names) - MAX_NAMED_NODES
    return ", ".join(names[:MAX_NAMED_NODES]) + (f" and {rest} more" if rest > 0 else "")


def _print_estimates(estimates: tuple["Estimate", ...], console: "Console") -> None:
    from pipelines.table import Table, print_table

    numbers = ("time", "on demand", "spot", "TFLOP/s")
    table = Table("machine", *numbers, right=numbers)
    first = estimates[0]
    shown, quick = _split_quick(estimates)
    for estimate in shown:
        reached = "measured" if estimate.reached is None else _format_tera(estimate.reached)
        table.add_row(
            estimate.machine,
            _format_hours(estimate.hours),
            _format_dollars(estimate.dollars),
            _format_dollars(estimate.dollars_spot),
            reached,
        )
    print_table(table, console)
    if quick:
        names = ", ".join(estimate.machine for estimate in quick)
        console.print(f"Less than a second each: {names}.")
    console.print(
        f"How the time on {first.machine} is computed: {first.arithmetic} = "
        f"{_format_hours(first.hours)}."
    )
    console.print(
        "[dim]The utilization is an assumption, and small models reach less. Set your own with "
        "--utilization.[/]"
    )


def _split_quick(
    estimates: tuple["Estimate", ...],
) -> tuple[list["Estimate"], list["Estimate"]]:
    """Split off the machines, except for the first, that need less than a second."""
    quick = [e for e in estimates[1:] if e.hours * SECONDS_PER_HOUR < 1]
    return [e for e in estimates if e not in quick], quick


def _format_tera(value: float) -> str:
    return f"{value / 1e12:,.1f}" if value >= 1e12 else f"{value / 1e12:.2g}"


def _print_memory(estimates: tuple["Estimate", ...], console: "Console") -> None:
    """Print the memory that each device needs, and the largest batch of all devices."""
    from pipelines.table import Table, print_table

    numbers = ("GiB", "of", "largest batch")
    table = Table("memory of each device", *numbers, right=numbers)
    shown, _ = _split_quick(estimates)
    fits = [(estimate, estimate.memory) for estimate in shown if estimate.memory]
    for estimate, fit in fits:
        style = "red" if fit.needed_gb > fit.device_gb else "default"
        table.add_row(
            estimate.machine,
            f"[{style}]{fit.needed_gb:,.1f}[/]",
            str(fit.device_gb),
            f"{fit.most_instances * estimate.devices:,}",
        )
    if fits:
        print_table(table, console)
        console.print(
            "[dim]Predicted, within 15 %. For larger batches set trainer.accumulate_steps or "
            "trainer.recompute.[/]"
        )


def _format_hours(hours: float) -> str:
    from core.format_numbers import format_duration

    if hours * SECONDS_PER_HOUR < 1:
        return "< 1 s"
    if hours < 48:
        return format_duration(hours * SECONDS_PER_HOUR)
    days = hours / 24
    return f"{days:,.1f} days" if days < 1000 else f"{days / 365.25:,.0f} years"


def _format_dollars(dollars: float | None) -> str:
    if dollars is None:
        return "–"
    if dollars < 0.01:
        return "< $0.01"
    return f"${dollars:,.2f}" if dollars < 10_000 else f"${dollars:,.0f}"
