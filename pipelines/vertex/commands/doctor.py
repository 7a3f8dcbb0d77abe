"""The command `textmill doctor`."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from core.exit import FAILED, SUCCEEDED
from core.format_numbers import format_count
from pipelines.options import JsonOption, accept_options
from pipelines.vertex.options import JobOptions, SubmitOptions, consoles, open_cloud, print_json

if TYPE_CHECKING:
    from pipelines.vertex.doctor.check import Check, Subject

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
    from pipelines.vertex.doctor.cloud import cloud_checks
    from pipelines.vertex.doctor.local import local_checks

    checks = list(_print_checks(local_checks(workdir), as_json))
    if spec_or_recipe is not None:
        try:
            checked = cloud_checks(_make_subject(spec_or_recipe, options))
        except InputError as error:  # there is no run yet whose needs could be looked up
            checked = _missing(spec_or_recipe, options, error)
        checks += _print_checks(checked, as_json)
    raise typer.Exit(_summarize(checks, as_json))


def _make_subject(spec_or_recipe: str, options: JobOptions) -> "Subject":
    """Prepare the same submission as `submit`, so that its options are checked as well."""
    from pipelines.vertex.doctor.check import Subject
    from pipelines.vertex.runs.pipeline_job import ARTIFACTS
    from pipelines.vertex.runs.submission import prepare_submission

    submission = prepare_submission(spec_or_recipe, SubmitOptions(**vars(options)))
    job = submission.job

    def value(name: str) -> str | None:
        value = submission.values.get(name) or submission.template.get_default(name)
        return str(value) if value else None

    return Subject(
        cloud=open_cloud(submission.target),
        template=submission.template,
        root=job.runtime_config.gcs_output_directory.removesuffix(f"/{ARTIFACTS}"),
        text_root=value("text_root"),
        text_pattern=value("text_pattern") or "",
        span=value("span"),
        values=submission.values,
        service_account=job.service_account or None,
    )


def _missing(spec_or_recipe: str, options: JobOptions, error: InputError) -> Iterator["Check"]:
    """Yield everything that is missing for a submission; nothing is sent."""
    from pipelines.vertex.doctor.check import Check
    from pipelines.vertex.runs.submission import find_problems

    problems = [str(error), *find_problems(spec_or_recipe, SubmitOptions(**vars(options)))]
    for line in dict.fromkeys("\n".join(problems).splitlines()):
        yield Check("submission", "failed", line)


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
