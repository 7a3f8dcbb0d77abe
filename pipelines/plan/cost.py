"""A recipe to the arithmetic of its training, and that to hours and dollars on a machine."""

import json
from dataclasses import dataclass
from pathlib import Path

from core.json_object import read_json
from pipelines.machines.presets import Preset
from pipelines.machines.prices import PriceError, Prices, hourly_price
from pipelines.recipe.listing import work_out_cost
from pipelines.recipe.settings import Recipe
from pipelines.workdir import Workdir

HOUR = 3600.0  # seconds
# Share of a machine's peak that the model's own operations reach, by kind; assumed, for want of
# measurements on such machines. Small models reach less: their matrices do not fill a chip.
UTILISATION = {"cpu": 0.3, "gpu": 0.35, "tpu": 0.4}
# Peaks are of bfloat16; in float32, TF32 on NVIDIA's chips does half of it, and TPUs no more.
FLOAT32_SHARE = 0.5
HERE = "here"


@dataclass(frozen=True)
class Work:
    """What a training computes; it depends on the recipe alone."""

    parameters: int
    steps: int
    global_batch_size: int
    seq_length: int
    tokens: int  # slots, padding among them
    flops: float  # of the model's matrix products, forward and backward


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The training on one machine."""

    machine: str
    hours: float
    dollars: float | None  # on demand; None where no price is known
    dollars_spot: float | None
    chips: int
    reached: float | None  # operations a second, all chips together; None where tokens were timed
    arithmetic: str  # how the hours come about


def work_of(recipe: Recipe) -> Work:
    """Works out the training; TensorFlow is loaded for it, and nothing is computed with it."""
    cost = work_out_cost(recipe)
    return Work(
        parameters=cost.parameters,
        steps=recipe.trainer.steps,
        global_batch_size=recipe.trainer.global_batch_size,
        seq_length=recipe.instances.seq_length,
        tokens=cost.tokens,
        flops=cost.flops,
    )


def estimate(
    recipe: Recipe, work: Work, machine: Preset, prices: Prices, utilisation: float | None = None
) -> Estimate:
    """Hours and dollars on one machine.

    Args:
        recipe: for the precision.
        work: of its training.
        machine: a preset.
        prices: the table.
        utilisation: share of the peak that is reached; None takes `UTILISATION`.
    """
    share = UTILISATION[machine.image] if utilisation is None else utilisation
    is_slower = recipe.trainer.precision == "float32" and machine.image != "cpu"
    speed = machine.peak_flops * share * (FLOAT32_SHARE if is_slower else 1)
    hours = work.flops / speed / HOUR
    chips = machine.chips * machine.hosts
    factors = [f"{chips} × {machine.peak_tflops:g}e12 FLOP/s", f"{share:g} reached"]
    factors += [f"{FLOAT32_SHARE:g} for float32"] if is_slower else []
    return Estimate(
        machine=machine.name,
        hours=hours,
        dollars=_dollars(machine, prices, hours, spot=False),
        dollars_spot=_dollars(machine, prices, hours, spot=True),
        chips=chips,
        reached=speed,
        arithmetic=f"{work.flops:.3g} FLOP ÷ ({' × '.join(factors)})",
    )


def measured_here(recipe: Recipe, work: Work, workdir: Workdir) -> Estimate | None:
    """The training at the speed of the workdir's last one of the same shape; None without one."""
    found = sorted(
        workdir.pipeline_root(recipe.name).glob("Trainer/model_run/*/training.json"),
        key=lambda path: path.stat().st_mtime,
        reverse=True,
    )
    for path in found:
        speed = _speed(path, recipe)
        if speed:
            return Estimate(
                machine=HERE,
                hours=work.tokens / speed / HOUR,
                dollars=None,
                dollars_spot=None,
                chips=1,
                reached=None,
                arithmetic=f"{work.tokens:,} tokens ÷ {speed:,.0f} tokens/s, as measured here last",
            )
    return None


def _speed(path: Path, recipe: Recipe) -> float | None:
    """Tokens a second of a training with this model; None if it was of another shape."""
    told = read_json(path)
    settings = told.get("settings", {})
    same = settings.get("model") == json.loads(recipe.model.model_dump_json())
    shape = ("global_batch_size", "precision", "device")
    trainer = settings.get("trainer", {})
    same = same and all(trainer.get(key) == getattr(recipe.trainer, key) for key in shape)
    speed = told.get("tokens_per_second")
    return float(speed) if same and isinstance(speed, int | float) and speed > 0 else None


def _dollars(machine: Preset, prices: Prices, hours: float, *, spot: bool) -> float | None:
    try:
        return hours * hourly_price(machine, prices, spot=spot)
    except PriceError:
        return None  # shown as a gap; the table says of what machines it knows
