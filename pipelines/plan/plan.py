"""Plan a run: which nodes will execute, why, and how long and how costly training will be."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.text_example_gen.reading.find_files import list_once
from core import storage
from core.json_object import read_json
from pipelines.local.text_location import TextLocation, locate_text
from pipelines.machines.presets import Preset, Prices, hourly_prices, load_prices, preset, presets
from pipelines.options import RunOptions
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import TrainingWork, check_nodes, compute_work
from pipelines.workdir import Workdir, locate_workdir

if TYPE_CHECKING:
    from pipelines.plan.nodes import PlannedNode

TRAINER = "Trainer"
SECONDS_PER_HOUR = 3600.0
# Fraction of a machine's peak FLOP/s that training reaches. Assumptions, not measured on these
# machines. Small models reach less, because their matrices do not fill a chip.
UTILIZATION = {"cpu": 0.3, "gpu": 0.35, "tpu": 0.4}
# Peaks are for bfloat16. In float32, NVIDIA GPUs reach half of that (TF32), and TPUs at most that.
FLOAT32_SHARE = 0.5
THIS_MACHINE = "here"


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


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, and what its training would cost."""

    recipe: str
    workdir: str
    nodes: tuple["PlannedNode", ...]
    trains: bool  # False if the model is cached or the plan ends before the Trainer
    work: TrainingWork
    estimates: tuple[Estimate, ...]  # of the training, one per machine
    prices: str  # date, region and source of the price table


def make_plan(
    options: RunOptions,
    *,
    machines: tuple[str, ...] = (),
    utilization: float | None = None,
    prices: Path | None = None,
) -> Plan:
    """Plan a run without writing anything.

    Args:
        options: of the run; its workdir does not have to exist.
        machines: presets to estimate the training for; empty for all.
        utilization: fraction of a machine's peak that training reaches; None uses the defaults.
        prices: price table; None uses the shipped one.

    Raises:
        InputError: the recipe, text, machine or price table cannot be used.
    """
    recipe = load_recipe(options.recipe, options.overrides or ()).from_here()
    check_nodes(recipe, to_node=options.to_node, rerun=options.rerun)
    table = load_prices(prices)
    folder = locate_workdir(options.workdir, options.root)
    with list_once():
        nodes = _plan_nodes(recipe, locate_text(options.text), folder, options)
    work = compute_work(recipe)
    return Plan(
        recipe=recipe.name,
        workdir=str(folder.root),
        nodes=tuple(nodes),
        trains=any(node.node == TRAINER and node.state == "runs" for node in nodes),
        work=work,
        estimates=tuple(_estimate_all(recipe, work, folder, machines, utilization, table)),
        prices=f"{table.date}, {table.region}: {' '.join(table.source.split())}",
    )


def _plan_nodes(
    recipe: Recipe, text: TextLocation, workdir: Workdir, options: RunOptions
) -> list["PlannedNode"]:
    # These modules import TFX, which takes seconds; errors in the arguments come before that.
    from pipelines.create_pipeline import create_pipeline
    from pipelines.local.run_command import make_locations
    from pipelines.plan.nodes import plan_nodes

    # Without the path, because TFX would create the store's folder; planning uses a copy.
    locations = replace(make_locations(recipe, text, workdir, options.span), metadata_path=None)
    pipeline = create_pipeline(recipe, locations)
    return plan_nodes(pipeline, workdir.metadata, options.to_node, options.rerun)


def _estimate_all(
    recipe: Recipe,
    work: TrainingWork,
    workdir: Workdir,
    machines: tuple[str, ...],
    utilization: float | None,
    prices: Prices,
) -> Iterator[Estimate]:
    if not machines and (measured := estimate_from_last_run(recipe, work, workdir)):
        yield measured
    for machine in map(preset, machines) if machines else presets().values():
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
    is_slower = recipe.trainer.precision == "float32" and machine.image != "cpu"
    speed = machine.peak_flops * share * (FLOAT32_SHARE if is_slower else 1)
    hours = work.flops / speed / SECONDS_PER_HOUR
    chips = machine.chips * machine.hosts
    factors = [f"{chips} × {machine.peak_tflops:g}e12 FLOP/s", f"{share:g} utilization"]
    factors += [f"{FLOAT32_SHARE:g} for float32"] if is_slower else []
    on_demand, spot = hourly_prices(machine, prices)
    return Estimate(
        machine=machine.name,
        hours=hours,
        dollars=on_demand and hours * on_demand,
        dollars_spot=spot and hours * spot,
        chips=chips,
        reached=speed,
        arithmetic=f"{work.flops:.3g} FLOP ÷ ({' × '.join(factors)})",
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


def _artifact_id(log: str) -> int:
    return int(Path(log).parent.name)


def _tokens_per_second(path: str, recipe: Recipe) -> float | None:
    """Read the speed from a training log; None if its model, batch or device was different."""
    log = read_json(path)
    settings = log.get("settings", {})
    if settings.get("model") != json.loads(recipe.model.model_dump_json()):
        return None
    trainer = settings.get("trainer", {})
    keys = ("global_batch_size", "precision", "device")
    if any(trainer.get(key) != getattr(recipe.trainer, key) for key in keys):
        return None
    speed = log.get("tokens_per_second")
    return float(speed) if isinstance(speed, int | float) and speed > 0 else None
