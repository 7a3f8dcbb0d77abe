"""A recipe, text and a workdir to a plan: what will run, why, and what it costs."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.local.text_location import TextLocation, locate_text
from pipelines.machines.prices import Prices, load_prices
from pipelines.plan.cost import Estimate, Work, estimate, work_of
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.workdir import Workdir

if TYPE_CHECKING:
    from pipelines.plan.nodes import PlannedNode

TRAINER = "Trainer"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run would do, and what its training would take."""

    recipe: str
    workdir: str
    nodes: tuple["PlannedNode", ...]
    trains: bool  # False: the model comes from the cache, or the plan ends before it
    work: Work  # of the training
    estimates: tuple[Estimate, ...]  # of the training, machine by machine
    prices: str  # which table

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)


def make_plan(
    recipe_name: str,
    text: list[str],
    *,
    workdir: str,
    overrides: list[str],
    span: int | None = None,
    until: str | None = None,
    machines: tuple[str, ...] = (),
    utilisation: float | None = None,
    prices: Path | None = None,
) -> Plan:
    """Plans a run; nothing is written anywhere.

    Args:
        recipe_name: a shipped recipe or a YAML file.
        text: files, folders, globs.
        workdir: the folder that owns the runs; it need not be there.
        overrides: as "trainer.steps=2000".
        span: which `{SPAN}` of the text to take; None takes the newest.
        until: the last node to plan.
        machines: presets to work out the training for; none for all.
        utilisation: share of a machine's peak that training reaches; None takes ours.
        prices: another price table; None takes ours.

    Raises:
        InputError: recipe, text, machine or prices cannot be used.
    """
    recipe = load_recipe(recipe_name, overrides).from_here()
    table = load_prices(prices)
    place = Workdir(Path(workdir).expanduser().resolve())
    location = locate_text(text)
    nodes = _plan_nodes(recipe, location, place, span, until)
    work = work_of(recipe)
    return Plan(
        recipe=recipe.name,
        workdir=str(place.root),
        nodes=tuple(nodes),
        trains=any(node.node == TRAINER and node.state == "runs" for node in nodes),
        work=work,
        estimates=tuple(_estimates(recipe, work, place, machines, utilisation, table)),
        prices=f"{table.date}, {table.region}: {' '.join(table.source.split())}",
    )


def _plan_nodes(
    recipe: Recipe, text: TextLocation, workdir: Workdir, span: int | None, until: str | None
) -> list["PlannedNode"]:
    """TFX is loaded here and not before."""
    from pipelines.create_pipeline import create_pipeline
    from pipelines.local.run_command import places_of
    from pipelines.plan.nodes import plan_nodes

    # TFX makes the folder of a store that it is told of; the plan works on a copy.
    places = replace(places_of(recipe, text, workdir, span), metadata_path=None)
    return plan_nodes(create_pipeline(recipe, places), workdir.metadata, until)


def _estimates(
    recipe: Recipe,
    work: Work,
    workdir: Workdir,
    machines: tuple[str, ...],
    utilisation: float | None,
    prices: Prices,
) -> Iterator[Estimate]:
    from pipelines.machines.presets import preset, presets
    from pipelines.plan.cost import measured_here

    here = measured_here(recipe, work, workdir)
    if here and not machines:
        yield here
    for machine in map(preset, machines) if machines else presets().values():
        yield estimate(recipe, work, machine, prices, utilisation)
