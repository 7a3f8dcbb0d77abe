"""The commands `textmill runs …`."""

from typing import Annotated

import typer

from pipelines.vertex.commands.options import (
    POLL_SECONDS,
    EndpointOption,
    JsonOption,
    PollOption,
    ProjectOption,
    RegionOption,
    WaitOption,
    consoles,
    open_cloud,
    print_json,
)

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode="rich", help="Runs on Vertex AI: what they do and say."
)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or `latest`.")]


@app.command("list")
def list_(
    state: Annotated[
        list[str] | None, typer.Option(help="As running, failed. May be repeated.")
    ] = None,
    recipe: Annotated[str | None, typer.Option(help="Only this pipeline's.")] = None,
    schedule: Annotated[
        str | None, typer.Option(help="Only what this schedule began; its id or name.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many, the newest.")] = 20,
    everything: Annotated[
        bool, typer.Option("--all", help="Also runs that Textmill did not submit.")
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Lists runs, newest first."""
    from pipelines.vertex.runs.runs import list_runs, print_runs, run_row
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(project, region, endpoint)
    jobs = list_runs(
        cloud,
        most=most,
        states=state or (),
        recipe=recipe,
        schedule=find_schedule(cloud, schedule).name if schedule else None,
        all_pipelines=everything or schedule is not None,
    )
    if as_json:
        print_json([run_row(job) for job in jobs])
    else:
        print_runs(jobs, consoles()[0])


@app.command()
def show(
    run: RunArgument,
    wait: WaitOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Shows a run: its parameters, its tasks and their states, its errors."""
    from pipelines.cloud import messages
    from pipelines.vertex.runs.runs import find_run, print_run
    from pipelines.vertex.runs.submit import follow, print_outcome
    from pipelines.vertex.runs.watch import get_run

    cloud = open_cloud(project, region, endpoint)
    job = get_run(cloud, find_run(cloud, run))
    out, err = consoles()
    if as_json:
        print_json(messages.as_json(job))
        return
    print_run(cloud, job, out)
    if wait:
        raise typer.Exit(follow(cloud, job, err, poll_seconds))
    print_outcome(job, out)


@app.command()
def cancel(
    run: RunArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Ends a run before its time; what it has published stays."""
    from pipelines.cloud.errors import without_secrets
    from pipelines.vertex.runs.runs import cancel_run, find_run

    cloud = open_cloud(project, region, endpoint)
    name = find_run(cloud, run)
    cancel_run(cloud, name)
    run_id = name.rsplit("/", maxsplit=1)[-1]
    typer.echo(without_secrets(
        f"{run_id} is being cancelled, which takes a minute or two: "
        f"`textmill runs show {run_id} --wait`"
    ))  # fmt: skip


@app.command()
def logs(
    run: RunArgument,
    task: Annotated[str | None, typer.Option(help="Only this task's, as Trainer.")] = None,
    most: Annotated[int, typer.Option(min=1, help="At most so many lines, the newest.")] = 200,
    severity: Annotated[str | None, typer.Option(help="As WARNING: that and worse.")] = None,
    command: Annotated[
        bool, typer.Option("--command", help="Print the gcloud command that reads them instead.")
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Prints what a run's tasks wrote, and its training job."""
    from pipelines.vertex.runs.logs import gcloud_command, log_filter, print_entries, read_entries
    from pipelines.vertex.runs.runs import find_run
    from pipelines.vertex.runs.watch import get_run

    cloud = open_cloud(project, region, endpoint)
    job = get_run(cloud, find_run(cloud, run))
    expression = log_filter(cloud, job, task=task, severity=severity)
    if command:
        typer.echo(gcloud_command(cloud.target, expression, most))
        return
    print_entries(read_entries(cloud, expression, most), *consoles())
