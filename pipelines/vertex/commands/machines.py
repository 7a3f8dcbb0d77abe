"""The command `textmill machines`: list the values of `vertex.training.machine`."""

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipelines.machines.presets import (
    Preset,
    Prices,
    hourly_prices,
    load_prices,
    presets,
    unsupported,
)
from pipelines.table import Table, print_table


def print_machines(prices_file: Path | None = None) -> None:
    """Print the supported machines with size, speed and price, then the unsupported ones.

    Raises:
        PriceError: the file is not a price table.
    """
    prices = load_prices(prices_file)
    console = Console(highlight=False)
    numbers = ("vCPU", "GB", "TFLOP/s", "USD/h", "spot")
    table = Table("machine", "Vertex AI's type", *numbers, right=numbers)
    for machine in presets().values():
        table.add_row(f"[bold]{machine.name}[/]", *_row(machine, prices))
    print_table(table, console)
    console.print(
        f"List prices in {prices.region}, {prices.date}, plus {prices.surcharge:.0%} for managed "
        f"training. Source: {prices.source}",
        style="dim",
    )
    console.print("\nNot supported:")
    for names, reason in unsupported():
        line = Text.assemble((", ".join(names), "bold"), f": {reason}.")
        console.print(Padding(line, (0, 0, 0, 2)))


def _row(machine: Preset, prices: Prices) -> tuple[str, ...]:
    hosts = f"{machine.hosts} x " if machine.hosts > 1 else ""
    return (
        f"{hosts}{machine.machine_type}",
        f"{machine.vcpus * machine.hosts}",
        f"{machine.memory_gb * machine.hosts:,}",
        f"{machine.peak_flops / 1e12:,.0f}",
        *("-" if price is None else f"{price:.2f}" for price in hourly_prices(machine, prices)),
    )
