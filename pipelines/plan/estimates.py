"""Estimate how long and how costly a training would be, on this machine and on rented ones."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core import storage
from core.format_numbers import format_flop
from core.json_object import read_json
from pipelines.machines.fit import MemoryFit, predict_fit
from pipelines.machines.presets import Preset, Prices, hourly_prices, preset, presets
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import TrainingWork
from pipelines.workdir import Workdir

SECONDS_PER_HOUR = 3600.0

# Fraction of a machine's peak FLOP/s that training reaches. Assumptions, not measured on these
# machines. Small models reach less, because their matrices do not fill a chip.
UTILIZATION = {"cpu": 0.3, "gpu": 0.35, "tpu": 0.4}
# Peaks are for bfloat16. NVIDIA's data sheets give half of it for TF32 and a fifteenth for float32;
# a TPU needs six bfloat16 products for one in float32.
SHARE_OF_PEAK = {
    "gpu": {"bfloat16": 1.0, "tensorfloat32": 1 / 2, "float32": 1 / 15},
    "tpu": {"bfloat16": 1.0, "tensorfloat32": 1.0, "float32": 1 / 6},
    "cpu": {"bfloat16": 1.0, "tensorfloat32": 1.0, "float32": 1.0},
}
THIS_MACHINE = "this machine"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """Time and price of a training on one machine."""

    machine: str
    hours: float
    dollars: float | None  # on demand; None if the price is unknown
    dollars_spot: float | None
    chips: int
    reached: float | None  # FLOP/s of all chips together; None if tokens per second were measured
    arithmetic: str  # how the hours are computed
    devices: int = 1  # that share a batch
    memory: MemoryFit | None = None  # of each device; None on a CPU


def estimate_all(
    recipe: Recipe,
    work: TrainingWork,
    workdir: Workdir,
    machines: tuple[str, ...],
    utilization: float | None,
    prices: Prices,
) -> Iterator[Estimate]:
    """Yield an estimate for this machine, then for each other; only for `machines` if any is named.

    The one for this machine is the speed of an earlier training, if it had the same shape. If not,
    it is the speed of a matrix product, which is timed for a quarter of a second.
    """
    if not machines:
        measured = estimate_from_last_run(recipe, work, workdir)
        timed = measured or estimate_from_peak(recipe, work, utilization)
        yield from [timed] if timed else []
    chosen = [preset(name, "--machine") for name in machines] or presets().values()
    for machine in chosen:
        yield estimate(recipe, work, machine, prices, utilization)


def estimate(
    recipe: Recipe,
    work: TrainingWork,
    machine: Preset,
    prices: Prices,
    utilization: float | None = None,
) -> Estimate:
    """Estimate hours and dollars on one machine.

    `utilization` is the fraction of the machine's peak that is reached; None uses `UTILIZATION`.
    """
    share = UTILIZATION[machine.image] if utilization is None else utilization
    precision = recipe.trainer.precision
    slower = SHARE_OF_PEAK[machine.image][precision]
    speed = machine.peak_flops * share * slower
    hours = work.flops / speed / SECONDS_PER_HOUR
    chips = machine.chips * machine.hosts
    factors = [f"{chips} × {format_flop(machine.peak_tflops * 1e12)}/s", f"{share:g} utilization"]
    factors += [f"{slower:.3g} for {precision}"] if slower < 1 else []
    on_demand, spot = hourly_prices(machine, prices)
    return Estimate(
        machine=machine.name,
        hours=hours,
        dollars=on_demand and hours * on_demand,
        dollars_spot=spot and hours * spot,
        chips=chips,
        reached=speed,
        arithmetic=f"{format_flop(work.flops)} ÷ ({' × '.join(factors)})",
        devices=machine.devices,
        memory=predict_fit(recipe, machine),
    )


def estimate_from_last_run(recipe: Recipe, work: TrainingWork, workdir: Workdir) -> Estimate | None:
    """Estimate the time here from the last training of the same shape; None if there is none."""
    logs = sorted(
        storage.list_files(
            storage.join(workdir.pipeline_root(recipe.name), "Trainer/model_run/*/training.json")
        ),
        key=_artifact_id,
        reverse=True,
    )
    for path in logs:
        if speed := _tokens_per_second(path, recipe):
            return Estimate(
                machine=THIS_MACHINE,
                hours=work.tokens / speed / SECONDS_PER_HOUR,
                dollars=None,
                dollars_spot=None,
                chips=1,
                reached=None,
                arithmetic=f"{work.tokens:,} tokens ÷ {speed:,.0f} tokens/s (the last run here)",
            )
    return None


def estimate_from_peak(
    recipe: Recipe, work: TrainingWork, utilization: float | None = None
) -> Estimate | None:
    """Estimate the time here, on a CPU from a matrix product timed now, else from its data sheet.

    Returns:
        None if the training would use a TPU, because planning must not occupy it, if this machine
        lacks the device, or if the peak of its GPUs is unknown.
    """
    import tensorflow as tf

    from trainer.devices.libtpu import is_tpu_chosen
    from trainer.devices.peak import known_peak, measure_peak

    settings = recipe.trainer
    gpus = tf.config.list_physical_devices("GPU")
    if is_tpu_chosen(settings.device) or (settings.device == "gpu" and not gpus):
        return None
    kind = "gpu" if gpus and settings.device != "cpu" else "cpu"
    chips = len(gpus) if kind == "gpu" else 1
    if kind == "cpu":
        peak, source = measure_peak(tf.as_dtype(settings.compute_type)), "timed now"
    else:
        details = tf.config.experimental.get_device_details(gpus[0])
        name = str(details.get("device_name", ""))
        known = known_peak("GPU", settings.precision, name)
        if known is None:
            return None
        peak, source = known, "from the data sheet"
    share = UTILIZATION[kind] if utilization is None else utilization
    speed = chips * peak * share
    return Estimate(
        machine=THIS_MACHINE,
        hours=work.flops / speed / SECONDS_PER_HOUR,
        dollars=None,
        dollars_spot=None,
        chips=chips,
        reached=speed,
        arithmetic=f"{format_flop(work.flops)} ÷ ({chips} × {format_flop(peak)}/s, {source} × "
        f"{share:g} utilization)",
    )


def warn_of_missing_device(recipe: Recipe) -> Iterator[str]:
    """Yield a warning if this machine lacks the device to train on."""
    import tensorflow as tf

    if recipe.trainer.device == "gpu" and not tf.config.list_physical_devices("GPU"):
        yield (
            "trainer.device is gpu, but TensorFlow sees no GPU on this machine, so a run here "
            "would fail at the Trainer. Set trainer.device to auto or cpu to train here."
        )


def _artifact_id(log: str) -> int:
    return int(Path(log).parent.name)


def _tokens_per_second(path: str, recipe: Recipe) -> float | None:
    """Read the speed from a training log; None if its model, length or device was different.

    Another batch size hardly changes the tokens per second.
    """
    log = read_json(path)
    settings = log.get("settings", {})
    if settings.get("model") != json.loads(recipe.model.model_dump_json()):
        return None
    trainer = settings.get("trainer", {})
    keys = ("precision", "device")
    if any(trainer.get(key) != getattr(recipe.trainer, key) for key in keys):
        return None
    batch_size = trainer.get("global_batch_size", 1)
    if log.get("figures", {}).get("tokens_per_step") != batch_size * recipe.instances.seq_length:
        return None
    speed = log.get("tokens_per_second")
    return float(speed) if isinstance(speed, int | float) and speed > 0 else None
