"""The command `textmill doctor`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.exit import FAILED, SUCCEEDED
from core.format_numbers import format_count
from pipelines.options import JsonOption, accept_options
from pipelines.vertex.options import JobOptions, SubmitOptions, consoles, print_json

if TYPE_CHECKING:
    from pipelines.vertex.doctor.check import Check

STYLES = {"ok": "green", "warning": "yellow", "failed": "red"}


@accept_options
def doctor(
    options: JobOptions,
    spec_or_recipe: Annotated[
        str | None,
        typer.Argument(
            metavar="SPEC_OR_RECIPE",
            help="Also check what this needs on Vertex AI; without it, only this machine.",
        ),
    ] = None,
    workdir: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Folder of the runs on this machine.")
    ] = Path("work"),
    as_json: JsonOption = False,
) -> None:
    """Find problems that would stop a run, before it costs money; nothing is changed.

    Example: textmill doctor pipeline.yaml --param text_root=gs://my-text/news
    """
    from pipelines.vertex.doctor.local import local_checks

    checks = list(_print_checks(local_checks(workdir), as_json))
    if spec_or_recipe is not None:
        checks += _print_checks(_check_submission(spec_or_recipe, options), as_json)
    raise typer.Exit(_summarize(checks, as_json))


def _check_submission(spec_or_recipe: str, options: JobOptions) -> Iterator["Check"]:
    """Check what `submit` would send with the same options, as far as they are given."""
    from pipelines.vertex.doctor.check import Check
    from pipelines.vertex.doctor.cloud import cloud_checks
    from pipelines.vertex.doctor.submission import examine

    problems, subject = examine(spec_or_recipe, SubmitOptions(**vars(options)))
    for problem in problems:
        yield Check("submission", "failed", problem)
    if subject is not None:
        yield from cloud_checks(subject)


def _print_checks(checks: Iterable["Check"], as_json: bool) -> Iterable["Check"]:
    """Print each check as soon as it is done, because some take long; yield it."""
    from pipelines.vertex.runs.describe import safe

    out, _ = consoles()
    for check in checks:
        if not as_json:
            out.print(
                f"[{STYLES[check.state]}]{check.state:<8}[/] {safe(check.name):<16} "
                f"{safe(check.message)}",
                soft_wrap=True,
            )
            if check.remedy:
                out.print(f"{'':<25} → {safe(check.remedy)}", soft_wrap=True)
        yield check


def _summarize(checks: list["Check"], as_json: bool) -> int:
    failed = sum(check.state == "failed" for check in checks)
    warnings = sum(check.state == "warning" for check in checks)
    if as_json:
        print_json([check.as_json() for check in checks])
    elif failed:
        typer.echo(f"\n{format_count(failed, 'problem', 'problems')} would stop a run.")
    elif warnings:
        typer.echo(f"\nNothing would stop a run; {format_count(warnings, 'warning', 'warnings')}.")
    else:
        typer.echo("\nNothing would stop a run.")
    return FAILED if failed else SUCCEEDED
