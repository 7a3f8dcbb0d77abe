"""The command `textmill lineage reproduce`: make a run again, and print how its bytes compare."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.lineage.options import DEFAULT_WORKDIR, WorkdirOption, make_console
from pipelines.options import FLAG, JsonOption

if TYPE_CHECKING:
    from pipelines.reproduce.reproduce import Reproduction

OTHER_BYTES = 1  # exit code
STYLES = {"equal": "green", "same content": "green", "different": "red", "not compared": "dim"}


def reproduce(
    name: Annotated[str, typer.Argument(metavar="RUN", help="A run id, `latest`, or its model.")],
    text: Annotated[
        list[str] | None,
        typer.Option(
            "--text",
            metavar="PATH",
            help="The run's text; by default, look where it was read. Its digest must fit. "
            "Repeatable.",
        ),
    ] = None,
    into: Annotated[
        Path | None,
        typer.Option(
            "--into", metavar="FOLDER", help="The new workdir; by default reproduced-RUN."
        ),
    ] = None,
    any_code: Annotated[
        bool,
        typer.Option(
            "--any-code", metavar=FLAG, help="Go on if this code is not the code of the run."
        ),
    ] = False,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    as_json: JsonOption = False,
) -> None:
    """Make a run again in a new workdir, compare all bytes, and exit with 1 if any differ.

    Recipe and digests are those on record, and the code must be that of the run.

    Example: textmill lineage reproduce latest --workdir work
    """
    from pipelines.lineage.find.select import resolve_run, select
    from pipelines.lineage.options import open_archive
    from pipelines.reproduce.reproduce import reproduce as make_again

    archive = open_archive(workdir)
    run = resolve_run(archive, select(archive, name)).id
    target = into or Path(f"reproduced-{run}")
    result = make_again(workdir, run, text or [], target, any_code=any_code)
    if isinstance(result, int):
        raise typer.Exit(result)
    if as_json:
        typer.echo(json.dumps(asdict(result), indent=1, default=str))
    else:
        print_reproduction(result)
    is_different = any(each.result == "different" for each in result.artifacts)
    raise typer.Exit(OTHER_BYTES if is_different else 0)


def print_reproduction(result: "Reproduction") -> None:
    """Print a table of all artifacts, and a sentence."""
    from collections import Counter

    from rich.markup import escape

    from pipelines.table import Table, print_table

    console = make_console()
    table = Table("node", "artifact", "bytes", "", wraps=True)
    for each in result.artifacts:
        colored = f"[{STYLES[each.result]}]{each.result}[/]"
        table.add_row(each.node, each.output, colored, escape(each.detail))
    print_table(table, console)
    counts = Counter(each.result for each in result.artifacts)
    console.print(
        f"Run {result.run} in {escape(str(result.workdir))} against {result.recorded}: "
        + ", ".join(f"{counts[name]} {name}" for name in STYLES if counts[name])
        + f". {escape(result.code)}",
        soft_wrap=True,
    )
