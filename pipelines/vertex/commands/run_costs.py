"""The command `textmill runs costs`."""

from dataclasses import asdict
from typing import Annotated

import typer

from pipelines.options import JsonOption, PricesOption, accept_options
from pipelines.vertex.commands.runs import app
from pipelines.vertex.options import TargetOptions, consoles, open_cloud, print_json

__all__ = ["app"]  # with the command below


@app.command()
@accept_options
def costs(
    target: TargetOptions,
    by: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="Label of the runs, for example team; else the recipe."),
    ] = None,
    days: Annotated[
        int, typer.Option(metavar="DAYS", min=1, max=3650, help="Trainings of the last days.")
    ] = 30,
    prices: PricesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Add up what trainings have cost so far, by recipe or by a label of their runs.

    Example: textmill runs costs --by team --days 7
    """
    from pipelines.machines.presets import load_prices
    from pipelines.table import Table, print_table
    from pipelines.vertex.runs.describe import safe
    from pipelines.vertex.runs.pipeline_job import RECIPE_LABEL
    from pipelines.vertex.runs.training import costs_by_label

    label = by or RECIPE_LABEL
    table = load_prices(prices)
    by_value = costs_by_label(open_cloud(target), label, days, table)
    out, _ = consoles()
    if as_json:
        print_json([asdict(cost) for cost in by_value])
        return
    numbers = ("trainings", "hours", "USD")
    rows = Table(label, *numbers, right=numbers)
    for cost in by_value:
        dollars = "-" if cost.dollars is None else f"{cost.dollars:,.2f}"
        rows.add_row(safe(cost.value or "-"), f"{cost.trainings}", f"{cost.hours:,.1f}", dollars)
    print_table(rows, out)
    out.print(f"[dim]List prices of {table.region}, {table.date}. -: a machine has no price.[/]")
