"""The shipped recipes to a table: model, size, tokens, cost."""

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.quiet import hush
from pipelines.recipe_file import load_recipe, shipped_recipes
from pipelines.settings import Recipe


def print_recipes() -> None:
    """Prints a row for each shipped recipe."""
    hush(verbose=False)
    table = Table(box=box.SIMPLE_HEAD)
    table.add_column("recipe", no_wrap=True, style="bold")
    table.add_column("model", no_wrap=True)
    table.add_column("parameters", justify="right", no_wrap=True)
    table.add_column("tokens", justify="right", no_wrap=True)
    table.add_column("what it is, and what it costs", ratio=1)
    for name in shipped_recipes():
        recipe = load_recipe(name)
        table.add_row(
            name,
            f"{recipe.model.type} {recipe.model.size}",
            in_words(parameter_count(recipe)),
            in_words(training_tokens(recipe)),
            f"{recipe.description} {recipe.expected}",
        )
    Console().print(table)


def parameter_count(recipe: Recipe) -> int:
    """Trainable numbers of the recipe's model, with its pre-training heads."""
    from trainer.architecture import resolve_architecture
    from trainer.models.bert import Bert
    from trainer.models.parameters import count_parameters

    architecture = resolve_architecture(recipe.model, vocab_size=recipe.vocabulary.size, pad_id=0)
    return count_parameters(Bert(architecture).parameters())


def training_tokens(recipe: Recipe) -> int:
    """Slots that training looks at, padding among them: steps x instances x length."""
    return recipe.trainer.steps * recipe.trainer.global_batch_size * recipe.instances.seq_length


def in_words(number: int) -> str:
    """A large number, short: 4.4 M."""
    for size, unit in ((10**12, "T"), (10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return str(number)
