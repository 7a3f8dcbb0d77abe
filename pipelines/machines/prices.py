"""A machine to its price: a dated table, which the user can replace."""

import json
from pathlib import Path

import yaml
from pydantic import Field, ValidationError

from core.errors import InputError
from core.settings import Settings
from pipelines.machines.presets import Preset

PRICES = Path(__file__).with_name("prices.yaml")


class PriceError(InputError):
    """A price that is not known."""


class MachinePrice(Settings):
    """Of one host, US dollars an hour."""

    on_demand: float = Field(gt=0)
    spot: float | None = Field(default=None, gt=0)  # None: not known


class Prices(Settings):
    """A price table."""

    region: str
    date: str  # when the numbers were read, as 2026-11
    source: str  # where
    surcharge: float = Field(ge=0)  # what Vertex AI adds for managed training, share
    machines: dict[str, MachinePrice]  # by machine type; TPU v2 and v3 by accelerator type


def load_prices(path: Path | None = None) -> Prices:
    """Reads a price table; None: the one that comes with Textmill.

    Raises:
        PriceError: the file is not such a table.
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
    """What all hosts of a machine cost in US dollars an hour, Vertex AI's surcharge included.

    Raises:
        PriceError: the table does not say.
    """
    # Every TPU v2 and v3 is the same "machine".
    is_old_tpu = machine.is_tpu and machine.accelerator_type is not None
    key = str(machine.accelerator_type) if is_old_tpu else machine.machine_type
    each = None
    if price := prices.machines.get(key):
        each = price.spot if spot else price.on_demand
    if each is None:
        kind = "spot" if spot else "on_demand"
        raise PriceError(f"No {kind} price of {key} in the table of {prices.date}. Add it.")
    return each * machine.hosts * (1 + prices.surcharge)
