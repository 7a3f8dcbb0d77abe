"""Plan a run: which nodes will execute, why, and what training will cost."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.text_example_gen.reading.find_files import list_once
from pipelines.local.text_location import TextLocation, locate_text
from pipelines.machines.presets import Prices, load_prices, preset, presets
from pipelines.options import RunOptions
from pipelines.plan.cost import Estimate, estimate, estimate_from_last_run
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import TrainingWork, check_node, compute_work
from pipelines.workdir import Workdir, locate_workdir

if TYPE_CHECKING:
    from pipelines.plan.nodes import PlannedNode

TRAINER = "Trainer"


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
    check_node(recipe, options.to_node)
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
    from pipelines.local.run_command import places_of
    from pipelines.plan.nodes import plan_nodes

    # Without the path, because TFX would create the store's folder; planning uses a copy.
    places = replace(places_of(recipe, text, workdir, options.span), metadata_path=None)
    return plan_nodes(create_pipeline(recipe, places), workdir.metadata, options.to_node)


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
