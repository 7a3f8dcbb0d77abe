"""The command `textmill`: one function a command; heavy libraries load only where they are used."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError, TextmillError, printable
from pipelines.exit_codes import FAILED, INPUT_ERROR, INTERRUPTED
from pipelines.lineage.commands import app as lineage_app
from pipelines.plan.command import plan
from pipelines.vertex.commands.doctor import doctor
from pipelines.vertex.commands.runs import app as runs_app
from pipelines.vertex.commands.schedule import app as schedule_app
from pipelines.vertex.commands.submit import submit

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    help="Raw text to a pre-trained language encoder, with every step recorded.",
)

# The parts of `textmill --help`.
HERE = "On this machine"
CLOUD = "For Vertex AI"
REVIEW = "What was made, and of what"
RecipeArgument = Annotated[
    str, typer.Argument(help="A shipped recipe's name (see `textmill recipes`) or a YAML file.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", help="Overrides a setting, as trainer.steps=2000. May be repeated."),
]


@app.command(rich_help_panel=HERE)
def run(
    recipe: RecipeArgument,
    text: Annotated[
        list[str],
        typer.Option(help="A file, a folder or a glob in quotes; plain or .gz. May be repeated."),
    ],
    workdir: Annotated[
        str, typer.Option(help="The folder for artifacts, metadata and published models.")
    ] = "work",
    set_: SetOption = None,
    span: Annotated[
        int | None,
        typer.Option(help="Which {SPAN} of the text to take; the newest, if left out."),
    ] = None,
    until: Annotated[
        str | None, typer.Option(help="Stop after this node; run only what it needs.")
    ] = None,
    wait: Annotated[
        float, typer.Option(help="Seconds to wait for another run in the workdir to end.")
    ] = 0,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show what TFX and TensorFlow log.")
    ] = False,
) -> None:
    """Runs a recipe's whole pipeline on this machine."""
    from pipelines.local.run_command import run_recipe

    outcome = run_recipe(
        recipe,
        text,
        workdir=workdir,
        overrides=set_ or [],
        span=span,
        until=until,
        wait_seconds=wait,
        verbose=verbose,
    )
    raise typer.Exit(outcome)


app.command(rich_help_panel=HERE)(plan)


@app.command("compile", rich_help_panel=CLOUD)
def compile_(
    recipe: RecipeArgument,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write, or to check.")
    ] = Path("pipeline.yaml"),
    set_: SetOption = None,
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; fail if the file is out of date.")
    ] = False,
) -> None:
    """Compiles a recipe for Vertex AI and Kubeflow Pipelines."""
    from pipelines.vertex.commands.compile import compile_to_file

    typer.echo(compile_to_file(recipe, output, set_ or [], check=check))


@app.command("run-spec", rich_help_panel=CLOUD)
def run_spec_(
    spec: Annotated[str, typer.Argument(help="A compiled pipeline: YAML or JSON, schema 2.1.")],
    workdir: Annotated[
        str, typer.Option(help="The folder for artifacts, metadata and published models.")
    ] = "work",
    text: Annotated[
        str | None,
        typer.Option(help="The text of a pipeline that Textmill compiled: file, folder or glob."),
    ] = None,
    param: Annotated[
        list[str] | None,
        typer.Option(help="Gives a parameter a value, as steps=200. May be repeated."),
    ] = None,
    map_: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            help="Says where a bucket lies, as gs://bucket/path=FOLDER. May be repeated; "
            "other buckets are folders in the workdir.",
        ),
    ] = None,
    cache: Annotated[
        bool, typer.Option("--cache/--no-cache", help="Take earlier results where nothing changed.")
    ] = True,
    retry: Annotated[
        bool, typer.Option("--retry/--no-retry", help="Retry failed tasks as the spec says.")
    ] = True,
    warm: Annotated[
        bool, typer.Option("--warm", help="Load TFX once for all tasks: saves seconds for each.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show the tasks' logs as they grow.")
    ] = False,
) -> None:
    """Runs a compiled pipeline on this machine: no Docker, no cloud."""
    from pipelines.spec_runner.command import Options, run_spec

    options = Options(
        parameters=param or (),
        maps=map_ or (),
        text=text,
        use_cache=cache,
        retry=retry,
        warm=warm,
        verbose=verbose,
    )
    raise typer.Exit(run_spec(spec, workdir=workdir, options=options))


app.command(rich_help_panel=CLOUD)(doctor)
app.command(rich_help_panel=CLOUD)(submit)
app.add_typer(schedule_app, name="schedule", rich_help_panel=CLOUD)
app.add_typer(runs_app, name="runs", rich_help_panel=CLOUD)
app.add_typer(lineage_app, name="lineage", rich_help_panel=REVIEW)


@app.command(rich_help_panel=HERE)
def recipes() -> None:
    """Lists the shipped recipes with their model, their tokens and what they cost."""
    from pipelines.recipe.listing import print_recipes

    print_recipes()


@app.command(rich_help_panel=CLOUD)
def machines(
    prices: Annotated[
        Path | None,
        typer.Option(help="A price table of your own, as pipelines/machines/prices.yaml."),
    ] = None,
) -> None:
    """Lists the machines that training on Vertex AI may run on, with their list prices."""
    from pipelines.vertex.commands.machines import print_machines

    print_machines(prices)


@app.command(rich_help_panel=HERE)
def demo_text(
    folder: Annotated[Path, typer.Argument(help="Where to write; made if it is not there.")],
) -> None:
    """Writes Python's language reference as a small corpus of real English prose."""
    from pipelines.local.demo_text import write_demo_text

    documents = write_demo_text(folder)
    typer.echo(f"{documents} documents of Python's language reference are in {folder}")


@app.command(rich_help_panel=HERE)
def version() -> None:
    """Prints the versions of Textmill and of what it stands on."""
    from importlib.metadata import version as installed

    for package in ("textmill", "tfx", "tensorflow", "apache-beam", "ml-metadata", "tokenizers"):
        typer.echo(f"{package} {installed(package)}")


def main() -> None:
    """Runs the command line; errors that Textmill explains are printed alone."""
    try:
        app()
    except InputError as error:
        _print_error(error)
        sys.exit(INPUT_ERROR)
    except TextmillError as error:
        _print_error(error)
        sys.exit(FAILED)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)


def _print_error(error: Exception) -> None:
    typer.echo(f"error: {printable(str(error))}", err=True)


if __name__ == "__main__":
    main()
