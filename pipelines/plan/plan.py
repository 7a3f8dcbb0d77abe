"""Plan a run: which nodes will execute, why, and how long and how costly training will be."""

import functools
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from components.text_example_gen.reading.list_remote import list_once
from core.loading import loading_libraries
from pipelines.local.standard_input import keep_standard_input
from pipelines.local.text_location import TextLocation, locate_and_check
from pipelines.local.training_rate import find_rate
from pipelines.machines.engine import explain_engine
from pipelines.machines.local import explain_local_memory
from pipelines.machines.presets import load_prices
from pipelines.metadata.names import TRAINER
from pipelines.options import RunOptions
from pipelines.plan.estimates import Estimate, estimate_all, warn_of_missing_device
from pipelines.plan.large_batches import warn_of_large_batches
from pipelines.recipe.budget import resolve_budget
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import TrainingWork, check_nodes, check_training, compute_work
from pipelines.workdir import Workdir, locate_workdir

if TYPE_CHECKING:
    from pipelines.plan.nodes import PlannedNode


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, and what its training would cost."""

    recipe: str
    workdir: str
    nodes: tuple["PlannedNode", ...]
    trains: bool  # False if the model is cached or the plan ends before the Trainer
    work: TrainingWork
    estimates: tuple[Estimate, ...]  # of the training, one per machine; none if it does not train
    warnings: tuple[str, ...]
    budget: str | None = None  # how the steps follow from `trainer.budget`
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
    if not machines:
        check_training(recipe, options.to_node)
    table = load_prices(prices)
    folder = locate_workdir(options.workdir, options.root)
    measure = functools.partial(find_rate, workdir=folder, record=False)
    recipe, budget = resolve_budget(recipe, None if machines else measure)
    with list_once(), keep_standard_input(options.text or []) as names:
        text = locate_and_check(names, options.span, recipe.text)
        nodes = _plan_nodes(recipe, text, folder, options)
        batches = list(warn_of_large_batches(recipe, text, nodes))
    work = compute_work(recipe)
    memory = None if machines else explain_local_memory(recipe)
    trains = _trains(nodes)
    warnings = [explain_engine(recipe.beam)]
    if trains:
        warnings += [*warn_of_missing_device(recipe), memory, *batches]
    estimates = estimate_all(recipe, work, folder, machines, utilization, table) if trains else ()
    return Plan(
        recipe=recipe.name,
        workdir=str(folder.root),
        nodes=tuple(nodes),
        trains=trains,
        work=work,
        estimates=tuple(estimates),
        warnings=tuple(filter(None, warnings)),
        budget=budget,
        prices=f"{table.date}, {table.region}: {' '.join(table.source.split())}",
    )


def is_training_cached(recipe: Recipe, text: TextLocation, options: RunOptions) -> bool:
    """Return whether a run would take its training from the cache."""
    workdir = locate_workdir(options.workdir, options.root)
    if not workdir.metadata.exists():
        return False
    recipe, _ = resolve_budget(recipe, functools.partial(find_rate, workdir=workdir, record=False))
    return not _trains(_plan_nodes(recipe, text, workdir, options))


def _trains(nodes: Iterable["PlannedNode"]) -> bool:
    return any(node.node == TRAINER and node.state == "runs" for node in nodes)


def _plan_nodes(
    recipe: Recipe, text: TextLocation, workdir: Workdir, options: RunOptions
) -> list["PlannedNode"]:
    # These modules import TFX, which takes seconds; errors in the arguments come before that.
    with loading_libraries():
        from pipelines.create_pipeline import create_pipeline
        from pipelines.local.run_command import make_locations
        from pipelines.plan.nodes import plan_nodes

    # Without the path, because TFX would create the store's folder; planning uses a copy.
    locations = replace(make_locations(recipe, text, workdir, options.span), metadata_path=None)
    pipeline = create_pipeline(recipe, locations)
    return plan_nodes(pipeline, workdir.metadata, options.to_node, options.rerun)
