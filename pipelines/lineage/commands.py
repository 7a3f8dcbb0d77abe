"""Define the commands `textmill lineage …`: list, show, compare, verify and export runs."""

from typing import Annotated, Any

import typer

from pipelines.lineage.options import (
    DEFAULT_WORKDIR,
    LimitOption,
    NameArgument,
    SourceOption,
    WorkdirOption,
    WrittenWorkdirOption,
    make_console,
    open_archive,
)
from pipelines.lineage.output_commands import export, report, serve
from pipelines.options import FLAG, JsonOption, print_json

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Show the inputs of a model, its descendants, and how it differs from another.",
)

MISMATCH = 1  # exit code of `verify`


@app.command("list")
def list_(
    only: Annotated[
        list[str] | None,
        typer.Option(
            "--only",
            metavar="WORD",
            help="Keep runs that are succeeded, failed, interrupted, running, blessed or "
            "published, or of a pipeline. Repeatable.",
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(
            "--since",
            metavar="DATE",
            help="Keep runs that started at this UTC date or later: 2026-11-23 or "
            "2026-11-23T14:05.",
        ),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DATE", help="Keep runs that started before; includes a whole day."
        ),
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            metavar="CONDITION",
            help="Keep runs by a metric or setting, for example 'loss<3.9' or trainer.steps=200. "
            "Repeatable.",
        ),
    ] = None,
    models: Annotated[
        bool,
        typer.Option("--models", metavar=FLAG, help="Keep only runs that trained a new model."),
    ] = False,
    limit: LimitOption = 50,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs with their dates, losses, blessings and versions.

    Example: textmill lineage list --only blessed --where 'loss<3.9'
    """
    from dataclasses import asdict

    from pipelines.lineage.find.choose_runs import choose, parse_condition, parse_day
    from pipelines.lineage.find.run_list import list_runs
    from pipelines.lineage.print_text import print_runs

    conditions = [parse_condition(text) for text in where or ()]
    interval = parse_day(since, "--since"), parse_day(until, "--until", end=True)
    archive = open_archive(workdir, source)
    rows = list_runs(archive, only=frozenset(only or ()))
    rows = choose(archive, rows, started=interval, conditions=conditions, models=models)
    if as_json:
        print_json([asdict(row) for row in rows[:limit]])
        return
    print_runs(rows[:limit], make_console())
    if len(rows) > limit:
        typer.echo(f"{len(rows) - limit:,} older runs are not listed; increase --limit.")


@app.command()
def show(
    name: NameArgument,
    downstream: Annotated[
        bool,
        typer.Option(
            "--downstream", metavar=FLAG, help="Show its descendants instead of its inputs."
        ),
    ] = False,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=0, metavar="N", help="Maximum number of steps; default: all."),
    ] = None,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run, a model or another artifact, and its inputs back to the text.

    Example: textmill lineage show latest
    """
    from pipelines.lineage.find.select import select
    from pipelines.lineage.find.show import show as show_it
    from pipelines.lineage.print_text import print_show

    archive = open_archive(workdir, source)
    direction: Any = "downstream" if downstream else "upstream"
    description = show_it(archive, select(archive, name), direction, depth)
    if as_json:
        print_json(description)
    else:
        print_show(description, make_console())


@app.command()
def diff(
    before: NameArgument,
    after: NameArgument,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explain how two runs or models differ: first in one sentence, then in detail.

    Example: textmill lineage diff 20261123T030405Z latest
    """
    from pipelines.lineage.compare.compare import compare_runs
    from pipelines.lineage.find.select import resolve_run, select
    from pipelines.lineage.print_text import print_comparison

    archive = open_archive(workdir, source)
    runs = [resolve_run(archive, select(archive, name)) for name in (before, after)]
    comparison = compare_runs(archive, *runs)
    if as_json:
        print_json(comparison.as_json())
    else:
        print_comparison(comparison, make_console())


@app.command()
def verify(
    name: Annotated[
        str | None,
        typer.Argument(metavar="NAME", help="Check only this run or artifact and its inputs."),
    ] = None,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    as_json: JsonOption = False,
) -> None:
    """Recompute every digest; report what changed or is missing, and then exit with 1.

    Example: textmill lineage verify --workdir work
    """
    from pipelines.lineage.find.select import select
    from pipelines.lineage.print_text import print_verification
    from pipelines.lineage.verify.verify import verify as verify_it

    archive = open_archive(workdir)
    verification = verify_it(archive, select(archive, name) if name else None)
    if as_json:
        print_json(verification.as_json())
    else:
        print_verification(verification, make_console())
    raise typer.Exit(MISMATCH if verification.findings else 0)


app.command()(report)
app.command()(export)


@app.command()
def seal(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run id, or `latest`.")] = "latest",
    workdir: WrittenWorkdirOption = DEFAULT_WORKDIR,
) -> None:
    """Record the digests of a run's files, cards and records, so that `verify` checks them too.

    Example: textmill lineage seal latest
    """
    from pipelines.lineage.find.select import resolve_run, select
    from pipelines.metadata.seal import seal_run

    archive = open_archive(workdir)
    typer.echo(f"{seal_run(workdir, resolve_run(archive, select(archive, run)).id)}")


@app.command()
def gc(
    delete: Annotated[
        bool, typer.Option("--delete", metavar=FLAG, help="Delete them; by default only list.")
    ] = False,
    workdir: WrittenWorkdirOption = DEFAULT_WORKDIR,
    as_json: JsonOption = False,
) -> None:
    """List the folders that killed and failed runs left behind, and optionally delete them.

    Example: textmill lineage gc --delete
    """
    from dataclasses import asdict

    from pipelines.lineage.print_text import print_orphans
    from pipelines.lineage.verify.garbage import delete_orphans, find_orphans
    from pipelines.workdir import hold, open_workdir

    archive = open_archive(workdir)
    if delete:  # the lock is taken before the store is read: a run in progress is not an orphan
        with hold(open_workdir(str(workdir))):
            orphans = list(delete_orphans(archive, find_orphans(archive)))
    else:
        orphans = find_orphans(archive)
    if as_json:
        print_json({"deleted": delete, "orphans": [asdict(orphan) for orphan in orphans]})
    else:
        print_orphans(orphans, delete, make_console())


app.command()(serve)
