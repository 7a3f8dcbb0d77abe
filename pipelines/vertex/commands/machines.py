"""The command `textmill machines`: list the values of `vertex.training.machine`."""

from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from pipelines.machines.presets import (
    Preset,
    Prices,
    hourly_prices,
    load_prices,
    presets,
    unsupported,
)


def print_machines(prices_file: Path | None = None) -> None:
    """Print the supported machines with size, speed and price, then the unsupported ones.

    Raises:
        PriceError: the file is not a price table.
    """
    prices = load_prices(prices_file)
    console = Console(highlight=False)
    table = Table(box=None, pad_edge=False)
    table.add_column("machine", style="bold", no_wrap=True)
    table.add_column("Vertex AI's type", no_wrap=True)
    for heading in ("vCPU", "GB", "TFLOP/s", "USD/h", "spot"):
        table.add_column(heading, justify="right", no_wrap=True)
    for machine in presets().values():
        table.add_row(machine.name, *_row(machine, prices))
    console.print(table)
    console.print(
        f"\nList prices in {prices.region}, {prices.date}, plus {prices.surcharge:.0%} for managed "
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
