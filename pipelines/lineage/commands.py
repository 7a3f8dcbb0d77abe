"""`textmill lineage …`: what made a model, what it led to, how it differs from another."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.errors import InputError

if TYPE_CHECKING:
    from pipelines.metadata.archive import Archive

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="What made a model, what it led to, and how it differs from another.",
)

WorkdirOption = Annotated[
    Path, typer.Option(help="The folder of the runs; nothing in it is changed.")
]
SourceOption = Annotated[
    str | None,
    typer.Option(
        envvar="TEXTMILL_LINEAGE_SOURCE",
        help="Read vertex://PROJECT/REGION instead of a workdir.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
WhatArgument = Annotated[
    str,
    typer.Argument(
        help="A run id, `latest`, an artifact id, a folder, a published version or a digest."
    ),
]
WORK = Path("work")
CHANGED = 1  # exit code of `verify`


@app.command("list")
def list_(
    only: Annotated[
        list[str] | None,
        typer.Option(
            help="succeeded, failed, interrupted, running, blessed, published, or a pipeline."
        ),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(help="Began then or later (UTC): 2026-11-23, or 2026-11-23T14:05."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Began before; a day counts whole.")] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A metric or setting, as 'loss<3.9' or trainer.steps=200; repeatable."),
    ] = None,
    models: Annotated[
        bool, typer.Option("--models", help="A line for each model: the run that trained it.")
    ] = False,
    most: Annotated[int, typer.Option(min=1, help="Show at most so many, newest first.")] = 50,
    workdir: WorkdirOption = WORK,
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Lists runs or models with their dates, metrics, verdicts and versions."""
    from dataclasses import asdict

    from pipelines.lineage.find.choose_runs import choose, parse_condition, parse_day
    from pipelines.lineage.find.run_list import list_runs
    from pipelines.lineage.print_text import print_runs

    conditions = [parse_condition(text) for text in where or ()]
    began = parse_day(since, "--since"), parse_day(until, "--until", end=True)
    archive = _open(workdir, source)
    rows = list_runs(archive, only=frozenset(only or ()))
    rows = choose(archive, rows, began=began, conditions=conditions, models=models)
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
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Shows a run, a model or any artifact, and what it was made from."""
    from pipelines.lineage.find.select import select
    from pipelines.lineage.find.show import show as show_it
    from pipelines.lineage.print_text import print_show

    archive = _open(workdir, source)
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
    source: SourceOption = None,
    as_json: JsonOption = False,
) -> None:
    """Explains how two runs or models differ: the shortest explanation first, then the parts."""
    from pipelines.lineage.compare.compare import compare_runs
    from pipelines.lineage.find.select import run_of, select
    from pipelines.lineage.print_text import print_comparison

    archive = _open(workdir, source)
    runs = [run_of(archive, select(archive, what)) for what in (before, after)]
    found = compare_runs(archive, *runs)
    if as_json:
        _print_json(found.as_json())
    else:
        print_comparison(found, _console())


@app.command()
def verify(
    what: Annotated[
        str | None, typer.Argument(help="Only this run or artifact and what it is made from.")
    ] = None,
    workdir: WorkdirOption = WORK,
    as_json: JsonOption = False,
) -> None:
    """Computes every digest anew; says what was changed or is missing, and then exits with 1."""
    from pipelines.lineage.find.select import select
    from pipelines.lineage.print_text import print_verdict
    from pipelines.lineage.verify.verify import verify as verify_it

    archive = _open(workdir)
    verdict = verify_it(archive, select(archive, what) if what else None)
    if as_json:
        _print_json(verdict.as_json())
    else:
        print_verdict(verdict, _console())
    raise typer.Exit(CHANGED if verdict.findings else 0)


@app.command()
def report(
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write.")] = Path(
        "lineage.html"
    ),
    most: Annotated[int, typer.Option(min=1, help="At most so many runs, the newest.")] = 200,
    workdir: WorkdirOption = WORK,
    source: SourceOption = None,
) -> None:
    """Writes one HTML file: the runs, the graph of each, and any two side by side."""
    from core import storage
    from pipelines.lineage.page.render import render_page

    page = render_page(_open(workdir, source), output.resolve().parent, most)
    storage.write_bytes(str(output), page.encode())
    typer.echo(f"{output}: {len(page.encode()) / 1e6:.1f} MB; open it in a browser.")


@app.command()
def export(
    what: Annotated[
        list[str] | None, typer.Argument(help="Runs or models, as `show` takes them; all runs.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The file to write; else the terminal.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="The whole graph as one JSON object instead of events.")
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", help="Send the events to OPENLINEAGE_URL.")
    ] = False,
    namespace: Annotated[str, typer.Option(help="OpenLineage's namespace of the jobs.")] = (
        "textmill"
    ),
    workdir: WorkdirOption = WORK,
    source: SourceOption = None,
) -> None:
    """Writes OpenLineage events, one a line, or the graph as JSON, for other systems."""
    from core import storage
    from core.wording import plural
    from pipelines.lineage.export.export import graph_json, open_lineage_lines, send_open_lineage
    from pipelines.lineage.find.select import run_of, select

    if send and (as_json or output):
        raise InputError("--send: sends events, so it takes neither --json nor --output.")
    archive = _open(workdir, source)
    named = (run_of(archive, select(archive, name)) for name in what or ())
    runs = list({run.id: run for run in named}.values()) or list(archive.graph.runs.values())
    if send:
        sent = send_open_lineage(archive, runs, namespace)
        typer.echo(f"{plural(sent, 'event', 'events')} of {plural(len(runs), 'run', 'runs')} sent.")
        return
    lines = [graph_json(archive, runs)] if as_json else open_lineage_lines(archive, runs, namespace)
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    content = "".join(f"{line}\n" for line in lines)
    storage.write_bytes(str(output), content.encode())
    typer.echo(f"{output}: {plural(len(runs), 'run', 'runs')}.")


@app.command()
def seal(
    run: Annotated[str, typer.Argument(help="A run id, or `latest`.")] = "latest",
    workdir: Annotated[Path, typer.Option(help="The folder of the runs.")] = WORK,
) -> None:
    """Notes the digests of a run's files, cards and records, so that `verify` covers them too."""
    from pipelines.lineage.find.select import run_of, select
    from pipelines.metadata.seal import seal_run

    archive = _open(workdir)
    typer.echo(f"{seal_run(workdir, run_of(archive, select(archive, run)).id)}")


@app.command()
def gc(
    delete: Annotated[
        bool, typer.Option("--delete", help="Delete; without it, only list.")
    ] = False,
    workdir: Annotated[Path, typer.Option(help="The folder of the runs.")] = WORK,
    as_json: JsonOption = False,
) -> None:
    """Lists what killed and failed runs left on the disk, and with --delete deletes it."""
    from dataclasses import asdict

    from core.wording import plural, size
    from pipelines.lineage.verify.garbage import delete_orphans, find_orphans
    from pipelines.workdir import hold, open_workdir

    archive = _open(workdir)
    if delete:  # the store is read when the lock is held: what runs now is no orphan
        with hold(open_workdir(str(workdir))):
            orphans = list(delete_orphans(archive, find_orphans(archive)))
    else:
        orphans = find_orphans(archive)
    if as_json:
        _print_json({"deleted": delete, "orphans": [asdict(orphan) for orphan in orphans]})
        return
    from core.errors import printable

    for orphan in orphans:
        typer.echo(f"{size(orphan.size_bytes):>8}  {printable(orphan.path)}  ({orphan.why})")
    total = (
        f"{plural(len(orphans), 'orphan', 'orphans')}, {size(sum(o.size_bytes for o in orphans))}"
    )
    hint = "deleted" if delete else "kept; --delete deletes them" if orphans else "all is in use"
    typer.echo(f"{total}: {hint}.")


@app.command()
def serve(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8787,
    most: Annotated[int, typer.Option(min=1, help="At most so many runs, the newest.")] = 200,
    workdir: WorkdirOption = WORK,
) -> None:
    """Shows the page of the live store, to this machine alone; Ctrl-C ends it."""
    from pipelines.lineage.page.serve import LOOPBACK, make_server

    _open(workdir)
    with make_server(workdir.resolve(), port, most) as server:
        typer.echo(f"http://{LOOPBACK}:{server.server_address[1]}/  (Ctrl-C ends it)")
        server.serve_forever()


def _open(workdir: Path, source: str | None = None) -> "Archive":
    from pipelines.metadata.archive import Archive

    if source is not None:
        from pipelines.lineage.vertex_store import open_vertex_store

        return Archive(workdir, open_vertex_store(source))
    if not workdir.is_dir():
        raise InputError(f"{workdir}: no such folder. Give the folder of the runs with --workdir.")
    return Archive(workdir)


def _console() -> Any:
    from rich.console import Console

    return Console(highlight=False)


def _print_json(content: Any) -> None:
    typer.echo(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
