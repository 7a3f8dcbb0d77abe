"""Look up what a machine costs per hour, in a dated price table that users can replace."""

import json
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from core.errors import InputError
from core.settings import Settings
from pipelines.machines.presets import Preset

PRICES = Path(__file__).with_name("prices.yaml")


class PriceError(InputError):
    """A price is unknown, or the price table cannot be read."""


class MachinePrice(Settings):
    """Price of one host in US dollars per hour."""

    on_demand: float = Field(gt=0)
    spot: float | None = Field(default=None, gt=0)
    """None: unknown."""


class Prices(Settings):
    """A price table."""

    region: str
    date: str
    """Month in which the prices were looked up, for example 2026-11."""
    source: str
    """Where the prices were looked up."""
    surcharge: float = Field(ge=0)
    """Fraction that Vertex AI adds for managed training."""
    machines: dict[str, MachinePrice]
    """By machine type; TPU v2 and v3 by accelerator type."""


def load_prices(path: Path | None = None) -> Prices:
    """Read a price table; None reads the one that comes with Textmill.

    Raises:
        PriceError: the file is not a price table.
    """
    source = path or PRICES
    try:
        values = yaml.safe_load(source.read_text(encoding="utf-8"))
        return Prices.model_validate_json(json.dumps(values, default=str))
    except (OSError, yaml.YAMLError) as error:
        raise PriceError(f"{source}: cannot be read ({error}).") from error
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise PriceError(f"{source}: {key}: {first['msg']}. Compare with {PRICES}.") from error


def hourly_price(machine: Preset, prices: Prices, *, spot: bool) -> float:
    """Return the price of all hosts of a machine in US dollars per hour, including the surcharge.

    Raises:
        PriceError: the table has no such price.
    """
    # All TPU v2 and v3 have the same machine type.
    is_old_tpu = machine.is_tpu and machine.accelerator_type is not None
    key = str(machine.accelerator_type) if is_old_tpu else machine.machine_type
    per_host = None
    if price := prices.machines.get(key):
        per_host = price.spot if spot else price.on_demand
    if per_host is None:
        kind = "spot" if spot else "on_demand"
        raise PriceError(f"The price table of {prices.date} has no {kind} price of {key}. Add it.")
    return per_host * machine.hosts * (1 + prices.surcharge)
