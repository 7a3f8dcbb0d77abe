"""`textmill lineage …`: what made a model, what it led to, how it differs from another."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from trainer.errors import InputError

if TYPE_CHECKING:
    from pipelines.lineage.archive import Archive

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What made a model, what it led to, and how it differs from another.",
)

WorkdirOption = Annotated[
    Path, typer.Option(help="The folder of the runs; nothing in it is changed.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
WhatArgument = Annotated[
    str,
    typer.Argument(
        help="A run id, `latest`, an artifact id, a folder, a published version or a digest."
    ),
]
WORK = Path("work")


@app.command("list")
def list_(
    only: Annotated[
        list[str] | None,
        typer.Option(help="succeeded, failed, interrupted, blessed, published, or a pipeline."),
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="Show at most so many, newest first.")] = 50,
    workdir: WorkdirOption = WORK,
    as_json: JsonOption = False,
) -> None:
    """Lists runs with their dates, metrics, verdicts and models."""
    from dataclasses import asdict

    from pipelines.lineage.print_text import print_runs
    from pipelines.lineage.run_list import list_runs

    rows = list_runs(_open(workdir), only=frozenset(only or ()))
    if as_json:
        _print_json([asdict(row) for row in rows[:most]])
        return
    print_runs(rows[:most], _console())
    if len(rows) > most:
        typer.echo(f"{len(rows) - most:,} older runs; --most shows more.")


@app.command()
def show(
    what: WhatArgument,
    downstream: Annotated[
        bool, typer.Option("--downstream", help="What it led to, instead of what it is made from.")
    ] = False,
    depth: Annotated[int | None, typer.Option(min=0, help="Steps to go; all by default.")] = None,
    workdir: WorkdirOption = WORK,
    as_json: JsonOption = False,
) -> None:
    """Shows a run, a model or any artifact, and what it was made from."""
    from pipelines.lineage.print_text import print_show
    from pipelines.lineage.select import select
    from pipelines.lineage.show import show as show_it

    archive = _open(workdir)
    direction: Any = "downstream" if downstream else "upstream"
    told = show_it(archive, select(archive, what), direction, depth)
    if as_json:
        _print_json(told)
    else:
        print_show(told, _console())


@app.command()
def diff(
    before: WhatArgument,
    after: WhatArgument,
    workdir: WorkdirOption = WORK,
    as_json: JsonOption = False,
) -> None:
    """Explains how two runs or models differ: the shortest explanation first, then the parts."""
    from pipelines.lineage.compare import compare_runs
    from pipelines.lineage.print_text import print_comparison
    from pipelines.lineage.select import run_of, select

    archive = _open(workdir)
    runs = [run_of(archive, select(archive, what)) for what in (before, after)]
    found = compare_runs(archive, *runs)
    if as_json:
        _print_json(found.as_json())
    else:
        print_comparison(found, _console())


def _open(workdir: Path) -> "Archive":
    from pipelines.lineage.archive import Archive

    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such folder. Give the folder of the runs with --workdir.")
    return Archive(workdir)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
