"""Define the commands that show or send the lineage elsewhere: report, export and serve."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import InputError
from pipelines.lineage.options import (
    DEFAULT_WORKDIR,
    LimitOption,
    SourceOption,
    WorkdirOption,
    open_archive,
)
from pipelines.options import FLAG
from pipelines.output_file import check_output, write_output


def report(
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")
    ] = Path("lineage.html"),
    limit: LimitOption = 200,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    source: SourceOption = None,
) -> None:
    """Write one HTML file with all runs, their graphs, and any two side by side.

    Example: textmill lineage report --output lineage.html
    """
    from pipelines.lineage.page.render import render_page

    check_output(output)
    page = render_page(open_archive(workdir, source), output.resolve().parent, limit)
    write_output(output, page)
    typer.echo(f"{output}: {len(page.encode()) / 1e6:.1f} MB. Open it in a browser.")


def export(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME", help="Runs or models; default: all runs.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="FILE", help="The file to write; default: standard output."
        ),
    ] = None,
    as_json: Annotated[
        bool,
        typer.Option(
            "--json", metavar=FLAG, help="Write the whole graph as one JSON object, not events."
        ),
    ] = False,
    send: Annotated[
        bool, typer.Option("--send", metavar=FLAG, help="Send the events to OPENLINEAGE_URL.")
    ] = False,
    namespace: Annotated[
        str, typer.Option("--namespace", metavar="NAME", help="OpenLineage namespace of the jobs.")
    ] = "textmill",
    workdir: WorkdirOption = DEFAULT_WORKDIR,
    source: SourceOption = None,
) -> None:
    """Export OpenLineage events, one per line, or the graph as JSON, for other systems.

    Example: textmill lineage export --output events.jsonl
    """
    from core.format_numbers import format_count
    from pipelines.lineage.export.export import graph_json, open_lineage_lines, send_open_lineage
    from pipelines.lineage.find.select import resolve_run, select

    if send and (as_json or output):
        raise InputError("--send cannot be combined with --json or --output. Leave them out.")
    if output:
        check_output(output)
    archive = open_archive(workdir, source)
    named = (resolve_run(archive, select(archive, name)) for name in names or ())
    runs = list({run.id: run for run in named}.values()) or list(archive.graph.runs.values())
    if send:
        sent = send_open_lineage(archive, runs, namespace)
        events = format_count(sent, "event", "events")
        typer.echo(f"Sent {events} of {format_count(len(runs), 'run', 'runs')}.")
        return
    lines = [graph_json(archive, runs)] if as_json else open_lineage_lines(archive, runs, namespace)
    if output is None:
        for line in lines:
            typer.echo(line)
        return
    write_output(output, "".join(f"{line}\n" for line in lines))
    typer.echo(f"{output}: {format_count(len(runs), 'run', 'runs')}.")


def serve(
    port: Annotated[
        int,
        typer.Option(
            "--port", min=0, max=65535, metavar="PORT", help="Port; 0 chooses a free one."
        ),
    ] = 8787,
    limit: LimitOption = 200,
    workdir: WorkdirOption = DEFAULT_WORKDIR,
) -> None:
    """Serve the live page to this machine only, until Ctrl-C.

    Example: textmill lineage serve --port 8787
    """
    from pipelines.lineage.page.render import LOOPBACK, make_server

    open_archive(workdir)
    with make_server(workdir.resolve(), port, limit) as server:
        typer.echo(f"http://{LOOPBACK}:{server.server_address[1]}/  (press Ctrl-C to stop)")
        server.serve_forever()
