"""Turn `trainer.budget` into steps, before anything else reads the recipe."""

import json
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from pydantic import ValidationError

from core.errors import InputError
from pipelines.recipe.settings import Recipe
from pipelines.recipe.work import list_phases, recipe_architecture
from trainer.settings.budget import Budget, parse_budget
from trainer.settings.training import TrainerSettings

TENTH = 10  # of the steps are warm-up, and decay if the schedule is stable


class Rate(NamedTuple):
    """The speed of a training."""

    tokens_per_second: float  # in the first phase, including padding
    source: str


def resolve_budget(
    recipe: Recipe, find_rate: Callable[[Recipe], Rate] | None = None
) -> tuple[Recipe, str | None]:
    """Set the steps, the warm-up and the decay of a recipe that has a budget.

    Args:
        recipe: with or without a budget.
        find_rate: finds the speed for a budget of time, unless the recipe gives it. None: the
            recipe must give it.

    Returns:
        The recipe, with steps instead of the budget, and a sentence that says how they were
        chosen; the recipe as it is and None if it has no budget.

    Raises:
        InputError: the budget is too small or too large, or the speed is not known.
    """
    trainer = recipe.trainer
    if trainer.budget is None:
        return recipe, None
    budget = parse_budget(trainer.budget)
    rate = None
    if budget.unit == "seconds":
        rate = _given_rate(recipe) or (find_rate or _refuse)(recipe)
    steps = _count_steps(recipe, budget, rate)
    warmup = steps // TENTH
    values = trainer.model_dump(mode="json", exclude={"budget", "budget_rate"})
    values |= {"steps": steps, "warmup_steps": warmup, "decay_steps": max(1, warmup)}
    try:
        resolved = TrainerSettings.model_validate_json(json.dumps(values))
    except ValidationError as error:
        problem = error.errors()[0]["msg"].removeprefix("Value error, ").rstrip(".")
        raise InputError(
            f"trainer.budget is {trainer.budget}, which is {steps:,} steps: {problem}."
        ) from error
    speed = f", at {rate.tokens_per_second:,.0f} tokens/s ({rate.source})" if rate else ""
    explanation = f"Budget of {trainer.budget}: {steps:,} steps, {warmup:,} of them warm-up{speed}"
    return recipe.model_copy(update={"trainer": resolved}), explanation


def _given_rate(recipe: Recipe) -> Rate | None:
    rate = recipe.trainer.budget_rate
    return Rate(rate, "trainer.budget_rate") if rate else None


def _refuse(recipe: Recipe) -> Rate:
    """Refuse a budget of time for a machine that is not this one."""
    raise InputError(
        f"trainer.budget is {recipe.trainer.budget}, and the speed of the machine that will train "
        f"cannot be measured here. Set trainer.budget_rate to the tokens per second that an "
        f"earlier training there logged, or set a budget of tokens or FLOP."
    )


def _count_steps(recipe: Recipe, budget: Budget, rate: Rate | None) -> int:
    """Return how many steps the budget pays; phases before the last one have fixed lengths."""
    from trainer.report.figures import training_flops

    phases, architecture = list_phases(recipe), recipe_architecture(recipe)
    tokens = [phase.trainer.global_batch_size * phase.seq_length for phase in phases]
    flops = [
        phase.trainer.global_batch_size
        * training_flops(architecture, phase.seq_length, phase.slots)
        for phase in phases
    ]
    costs, amount = tokens if budget.unit == "tokens" else flops, budget.amount
    if rate:  # the same FLOP/s in all phases
        amount *= rate.tokens_per_second * flops[0] / tokens[0]
    starts = [0, *(phase.from_step for phase in recipe.trainer.phases)]
    before = sum(
        (end - start) * cost for (start, end), cost in zip(pairwise(starts), costs, strict=False)
    )
    left = int((amount - before) / costs[-1])
    if left < 1:
        what = f"phase {len(phases)} begins at step {starts[-1]:,}" if before else "one step"
        raise InputError(
            f"trainer.budget is {recipe.trainer.budget}, which ends before {what}"
            f"{'' if before else ' is done'}. Raise it."
        )
    return starts[-1] + left
