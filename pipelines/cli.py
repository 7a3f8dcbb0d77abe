"""Define the command `textmill`, with one function per command.

Each command imports what it needs when it runs, so that `textmill --help` is fast.
"""

import sys
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Annotated, Any

import typer

from core.exit import INTERRUPTED, exit_with_sentence
from pipelines.evaluate.command import evaluate
from pipelines.lineage.commands import app as lineage_app
from pipelines.models.commands import app as models_app
from pipelines.options import (
    FLAG,
    PricesOption,
    RecipeArgument,
    RunOptions,
    SetOption,
    VerboseOption,
    accept_options,
)
from pipelines.plan.command import plan
from pipelines.reproduce.command import reproduce
from pipelines.spec_runner.cli import run_spec
from pipelines.vertex.commands.doctor import doctor
from pipelines.vertex.commands.run_costs import app as runs_app
from pipelines.vertex.commands.runs import submit
from pipelines.vertex.commands.schedule_runs import app as schedule_app

app = typer.Typer(no_args_is_help=True, rich_markup_mode="rich", pretty_exceptions_enable=False)

# Panels of `textmill --help`.
LOCAL = "On this machine"
CLOUD = "For Vertex AI"
LINEAGE = "Lineage"
PACKAGES = (
    "textmill", "tfx", "tensorflow", "tensorflow-text", "apache-beam", "ml-metadata", "tokenizers",
)  # fmt: skip


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"textmill {installed_version('textmill')}")
        raise typer.Exit


@app.callback()
def textmill(
    version: Annotated[
        bool,
        typer.Option(
            "--version", metavar=FLAG, is_eager=True, callback=_print_version,
            help="Print the version of Textmill.",
        ),
    ] = False,
) -> None:  # fmt: skip
    """Turn raw text into a pre-trained language encoder, with every step recorded.

    Example: textmill demo-text corpus && textmill run demo --text corpus
    """


@app.command(rich_help_panel=LOCAL)
@accept_options
def run(
    options: RunOptions,
    wait: Annotated[
        float,
        typer.Option(
            min=0, metavar="SECONDS", help="How long to wait for another run in the workdir."
        ),
    ] = 0,
    verbose: VerboseOption = False,
) -> None:
    """Run a recipe's pipeline on this machine.

    Example: textmill run demo --text 'corpus/*.txt' --workdir work
    """
    from pipelines.local.run_command import run_recipe
    from pipelines.plan.plan import is_training_cached

    raise typer.Exit(
        run_recipe(
            options, wait_seconds=wait, verbose=verbose, is_training_cached=is_training_cached
        )
    )


app.command(rich_help_panel=LOCAL)(plan)
app.command(rich_help_panel=LOCAL)(evaluate)


@app.command("compile", rich_help_panel=CLOUD)
def compile_(
    recipe: RecipeArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write, or to check.")
    ] = Path("pipeline.yaml"),
    set_: SetOption = None,
    check: Annotated[
        bool,
        typer.Option(
            "--check", metavar=FLAG, help="Write nothing; fail if the file is out of date."
        ),
    ] = False,
) -> None:
    """Compile a recipe for Vertex AI and Kubeflow Pipelines.

    Example: textmill compile my-recipe.yaml --output my-pipeline.yaml
    """
    from pipelines.vertex.commands.compile import compile_to_file

    typer.echo(compile_to_file(recipe, output, set_ or [], check=check))


app.command(rich_help_panel=CLOUD)(run_spec)
app.command(rich_help_panel=CLOUD)(doctor)
app.command(rich_help_panel=CLOUD)(submit)
app.add_typer(schedule_app, name="schedule", rich_help_panel=CLOUD)
app.add_typer(runs_app, name="runs", rich_help_panel=CLOUD)
lineage_app.command()(reproduce)  # here, because it runs a pipeline
app.add_typer(models_app, name="models", rich_help_panel=LOCAL)
app.add_typer(lineage_app, name="lineage", rich_help_panel=LINEAGE)


@app.command(rich_help_panel=LOCAL)
def recipes() -> None:
    """List the shipped recipes with model size, number of tokens and compute.

    Example: textmill recipes
    """
    from pipelines.recipe.work import print_recipes

    print_recipes()


@app.command(rich_help_panel=CLOUD)
def machines(prices: PricesOption = None) -> None:
    """List the machines that training on Vertex AI can use, with list prices.

    Example: textmill machines --prices my-prices.yaml
    """
    from pipelines.vertex.commands.machines import print_machines

    print_machines(prices)


@app.command(rich_help_panel=LOCAL)
def demo_text(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder to write to; created if missing.")
    ],
) -> None:
    """Write Python's language reference as a small corpus of real English prose.

    Example: textmill demo-text corpus
    """
    from pipelines.local.demo_text import write_demo_text

    documents = write_demo_text(folder)
    typer.echo(f"{documents} documents of Python's language reference are in {folder}")


@app.command(rich_help_panel=LOCAL)
def version() -> None:
    """Print the versions of Textmill and of its main dependencies.

    Example: textmill version
    """
    for package in PACKAGES:
        typer.echo(f"{package} {installed_version(package)}")


def build_command() -> Any:
    """Build the command with its subcommands, without type names such as <bool> in the help."""
    command = typer.main.get_command(app)
    _hide_types(command)
    return command


def _hide_types(command: Any) -> None:
    help_option = command.get_help_option(command.context_class(command))
    for parameter in [*command.params, help_option]:
        if parameter.param_type_name == "argument":
            parameter.display_type_rich = lambda ctx: None
        elif parameter.metavar is None and parameter.is_flag:
            parameter.metavar = FLAG
    for subcommand in getattr(command, "commands", {}).values():
        _hide_types(subcommand)


def main() -> None:
    """Run the command line; print errors that Textmill can explain without a traceback."""
    try:
        with exit_with_sentence():
            build_command()()
    except KeyboardInterrupt:
        typer.echo("\nStopped by Ctrl-C.", err=True)  # below the echo of Ctrl-C
        sys.exit(INTERRUPTED)


if __name__ == "__main__":
    main()
