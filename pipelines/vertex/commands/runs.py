"""The commands `textmill runs …`."""

from typing import Annotated

import typer

from pipelines.options import FLAG, JsonOption
from pipelines.vertex.commands.options import (
    POLL_SECONDS,
    EndpointOption,
    LimitOption,
    PollOption,
    ProjectOption,
    RegionOption,
    WatchOption,
    consoles,
    open_cloud,
    print_json,
    print_plain,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, show and cancel runs on Vertex AI, and read their logs.",
)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or `latest`.")]


@app.command("list")
def list_(
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="Only runs in this state, for example running or failed. Repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="NAME", help="Only runs of this pipeline.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE", help="Only runs started by the schedule with this id or name."
        ),
    ] = None,
    limit: LimitOption = 20,
    all_pipelines: Annotated[
        bool,
        typer.Option("--all", metavar=FLAG, help="Include runs that Textmill did not submit."),
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """List runs, newest first.

    Example: textmill runs list --state failed --limit 5
    """
    from pipelines.vertex.runs.runs import list_runs, print_runs, run_row
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(project, region, endpoint)
    jobs = list_runs(
        cloud,
        limit=limit,
        states=state or (),
        recipe=recipe,
        schedule=find_schedule(cloud, schedule).name if schedule else None,
        all_pipelines=all_pipelines or schedule is not None,
    )
    if as_json:
        print_json([run_row(job) for job in jobs])
    else:
        print_runs(jobs, consoles()[0])


@app.command()
def show(
    run: RunArgument,
    watch: WatchOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Show a run: its parameters, the states of its tasks, and its errors.

    Example: textmill runs show latest --watch
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.runs import find_run, print_run
    from pipelines.vertex.runs.watch import get_run, report_end, watch_and_report

    cloud = open_cloud(project, region, endpoint)
    job = get_run(cloud, find_run(cloud, run))
    out, err = consoles()
    if as_json:
        print_json(message_to_json(job))
        return
    print_run(cloud, job, out)
    if watch:
        raise typer.Exit(watch_and_report(cloud, job, err, poll_seconds))
    report_end(job, out)


@app.command()
def cancel(
    run: RunArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Cancel a run; models that it has published are kept.

    Example: textmill runs cancel latest
    """
    from pipelines.vertex.runs.describe import short_id
    from pipelines.vertex.runs.runs import cancel_run, find_run

    cloud = open_cloud(project, region, endpoint)
    name = find_run(cloud, run)
    cancel_run(cloud, name)
    print_plain(
        f"Cancelling {short_id(name)} takes a minute or two. Watch it with "
        f"`textmill runs show {short_id(name)} --watch`."
    )


@app.command()
def logs(
    run: RunArgument,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only this task, for example Trainer.")
    ] = None,
    limit: LimitOption = 200,
    severity: Annotated[
        str | None,
        typer.Option(metavar="SEVERITY", help="Lowest severity, for example WARNING."),
    ] = None,
    command: Annotated[
        bool,
        typer.Option(
            "--command", metavar=FLAG, help="Print the gcloud command that reads the same entries."
        ),
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Print the log of a run's tasks and of its training job.

    Example: textmill runs logs latest --task Trainer --severity WARNING
    """
    from pipelines.vertex.runs.logs import gcloud_command, log_filter, print_entries, read_entries
    from pipelines.vertex.runs.runs import find_run
    from pipelines.vertex.runs.watch import get_run

    cloud = open_cloud(project, region, endpoint)
    job = get_run(cloud, find_run(cloud, run))
    expression = log_filter(cloud, job, task=task, severity=severity)
    if command:
        typer.echo(gcloud_command(cloud.target, expression, limit))
        return
    print_entries(read_entries(cloud, expression, limit), *consoles())
