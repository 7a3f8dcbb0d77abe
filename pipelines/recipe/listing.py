"""The shipped recipes to a list: model, size, tokens, arithmetic, cost."""

from dataclasses import dataclass
from itertools import pairwise

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from core.settings import LATEST_BLESSED
from pipelines.quiet import hush
from pipelines.recipe.file import load_recipe, shipped_recipes
from pipelines.recipe.settings import Recipe


@dataclass(frozen=True)
class Cost:
    """What a recipe's training takes, worked out from its settings alone."""

    parameters: int  # trainable numbers, pre-training heads among them
    tokens: int  # slots that training looks at: steps x instances x length
    flops: float  # of the matrix products, forward and backward


def print_recipes() -> None:
    """Prints each shipped recipe: its cost in a line, then what it is."""
    hush(verbose=False)
    console = Console(highlight=False)
    for name in shipped_recipes():
        recipe = load_recipe(name)
        cost = work_out_cost(recipe)
        model = f"{recipe.model.type} {recipe.model.size}"
        console.print(
            f"[bold]{name:<14}[/] {model:<14} {in_words(cost.parameters):>7} parameters "
            f"{in_words(cost.tokens):>8} tokens {in_words(cost.flops):>8}FLOP"
        )
        for words in (recipe.description, recipe.expected):
            console.print(Padding(Text(words), (0, 0, 0, 15)))
        console.print()


def work_out_cost(recipe: Recipe) -> Cost:
    """Works out the cost; TensorFlow is loaded for it, and nothing is computed with it."""
    from components.instance_gen.plan import slots
    from trainer.models.architecture import resolve_architecture
    from trainer.models.parameters import count_parameters
    from trainer.objectives.choose import objective_of
    from trainer.report.figures import training_flops
    from trainer.warm_start.start import check_start

    if recipe.model.start_from in (None, LATEST_BLESSED):
        size = recipe.vocabulary.size
        architecture = resolve_architecture(recipe.model, vocab_size=size, pad_id=0)
    else:
        architecture = check_start(recipe.model)  # the folder's, whatever size the recipe says
    objective = objective_of(architecture, recipe.instances.objective, recipe.model.electra)
    tokens, flops = 0, 0.0
    spans = pairwise(recipe.trainer.phase_boundaries())
    for (first, end), trainer, of_phase in zip(
        spans, recipe.trainer.by_phase(), recipe.instances_by_phase(), strict=True
    ):
        length, predictions = of_phase.seq_length, slots(of_phase, recipe.masking)
        instances = (end - first) * trainer.global_batch_size
        tokens += instances * length
        flops += instances * training_flops(architecture, length, predictions)
    return Cost(count_parameters(objective.model.parameters()), tokens, flops)


def in_words(number: float) -> str:
    """A large number, short: 4.4 M."""
    units = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    for size, unit in units:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"
