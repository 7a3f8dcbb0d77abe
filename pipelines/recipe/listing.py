"""List the shipped recipes with their model and the work of training it."""

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from pipelines.quiet import hush
from pipelines.recipe.file import load_recipe, shipped_recipes
from pipelines.recipe.work import compute_work


def print_recipes() -> None:
    """Print each shipped recipe: model and training work on one line, then its description."""
    hush(verbose=False)
    console = Console(highlight=False)
    for name in shipped_recipes():
        recipe = load_recipe(name)
        work = compute_work(recipe)
        model = f"{recipe.model.type} {recipe.model.size}"
        console.print(
            f"[bold]{name:<14}[/] {model:<14} {abbreviate(work.parameters):>7} parameters "
            f"{abbreviate(work.tokens):>8} tokens {abbreviate(work.flops):>8}FLOP"
        )
        for text in (recipe.description, recipe.expected):
            console.print(Padding(Text(text), (0, 0, 0, 15)))
        console.print()


def abbreviate(number: float) -> str:
    """Format a large number with an SI prefix, for example 4.4 M."""
    units = ((1e18, "E"), (1e15, "P"), (1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
    for size, unit in units:
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:g}"
