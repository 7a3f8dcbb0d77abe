"""Look up the machines that a training can run on: size, speed, Vertex AI's names, and price."""

import difflib
import functools
import json
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError

from core.errors import InputError
from core.settings import Settings

PRESETS = Path(__file__).with_name("presets.yaml")
TERA = 1e12
PRICES = Path(__file__).with_name("prices.yaml")


class MachineError(InputError):
    """A machine is unknown or not supported."""


class Preset(Settings):
    """A machine, or several of the same kind, for one training job."""

    name: str
    machine_type: str
    """Vertex AI's type of each host."""
    image: Literal["cpu", "gpu", "tpu"]
    """Target of docker/Dockerfile that the trainer's image needs."""
    vcpus: int = Field(ge=1)
    """Per host."""
    memory_gb: int = Field(ge=1)
    """Per host."""
    chips: int = Field(ge=1)
    """Per host; a CPU counts as one."""
    peak_tflops: float = Field(gt=0)
    """Peak speed of one chip in dense bfloat16 (CPU: float32), in 1e12 operations per second."""
    accelerator_type: str | None = None
    """Vertex AI's name."""
    accelerator_count: int = 0
    """As Vertex AI counts them: a TPU v2 or v3 chip counts as two."""
    tpu_topology: str | None = None
    """Arrangement of the chips, for example 2x4."""
    spot_only: bool = False
    """Whether it is offered as spot or flex-start only, and not on demand."""
    needs_pjrt: bool = False
    """Whether TensorFlow needs PJRT to use this TPU."""
    hosts: int = Field(default=1, ge=1)
    device_gb: int | None = Field(default=None, ge=1)
    """Memory of one device in GiB; None for a CPU, whose memory is the host's."""

    @property
    def devices(self) -> int:
        """Number of devices that share a batch, on all hosts."""
        return (self.accelerator_count or self.chips) * self.hosts

    @property
    def peak_flops(self) -> float:
        """Peak operations per second of all chips together."""
        return self.peak_tflops * TERA * self.chips * self.hosts

    @property
    def is_tpu(self) -> bool:
        """Whether the machine has TPUs."""
        return self.image == "tpu"


def preset(name: str, where: str = "vertex.training.machine") -> Preset:
    """Return the preset of a name, which is the value of the setting or option `where`.

    Raises:
        MachineError: there is none; the message gives the reason if one is known.
    """
    known = presets()
    if name in known:
        return known[name]
    for prefixes, reason in unsupported():
        if name.lower().startswith(prefixes):
            raise MachineError(
                f"{where}: {name} is not supported: {reason}. Choose one of {', '.join(known)}."
            )
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]}?" if close else ""
    raise MachineError(f"{where}: {name} is unknown.{hint} Choose one of {', '.join(known)}.")


@functools.cache
def presets() -> dict[str, Preset]:
    """Return all presets by name, smaller ones of a kind first."""
    return {
        name: Preset.model_validate({"name": name, **values})
        for name, values in _read_file()["presets"].items()
    }


def unsupported() -> list[tuple[tuple[str, ...], str]]:
    """Return prefixes of machine names that are not supported, and the reason."""
    return [(tuple(entry["names"]), entry["reason"]) for entry in _read_file()["unsupported"]]


@functools.cache
def _read_file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    return content


class PriceError(InputError):
    """A price is unknown, or the price table cannot be read."""


class MachinePrice(Settings):
    """Price of one host in US dollars per hour."""

    on_demand: float | None = Field(default=None, gt=0)
    """None: unknown, or not offered."""
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
    per_host = machine_price(machine.machine_type, machine.accelerator_type, prices, spot=spot)
    return per_host * machine.hosts


def machine_price(
    machine_type: str, accelerator: str | None, prices: Prices, *, spot: bool
) -> float:
    """Return the price of one host in US dollars per hour, including the surcharge.

    Raises:
        PriceError: the table has no such price.
    """
    # All TPU v2 and v3 have the same machine type.
    key = accelerator if accelerator in ("TPU_V2", "TPU_V3") else machine_type
    per_host = None
    if price := prices.machines.get(key):
        per_host = price.spot if spot else price.on_demand
    if per_host is None:
        kind = "spot" if spot else "on_demand"
        raise PriceError(f"The price table of {prices.date} has no {kind} price of {key}. Add it.")
    return per_host * (1 + prices.surcharge)


def hourly_prices(machine: Preset, prices: Prices) -> list[float | None]:
    """Return the on-demand and the spot price of a machine; None if the table has no such price."""
    both: list[float | None] = []
    for spot in (False, True):
        try:
            both.append(hourly_price(machine, prices, spot=spot))
        except PriceError:
            both.append(None)
    return both
