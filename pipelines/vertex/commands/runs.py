"""The commands `textmill submit` and `textmill runs …`."""

from typing import Annotated

import typer

from pipelines.options import FLAG, JsonOption, PricesOption, accept_options
from pipelines.vertex.options import (
    POLL_SECONDS,
    DryRunOption,
    LimitOption,
    PollOption,
    SpecArgument,
    SubmitOptions,
    TargetOptions,
    WatchOption,
    consoles,
    open_cloud,
    print_json,
    print_plain,
)

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="List, show, cancel and retry runs on Vertex AI, and read their logs.",
)
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of a run, or `latest`.")]


@accept_options
def submit(
    spec_or_recipe: SpecArgument,
    options: SubmitOptions,
    run_id: Annotated[
        str | None,
        typer.Option(
            metavar="ID", help="Id of the run; by default the pipeline's name and the time."
        ),
    ] = None,
    watch: WatchOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    dry_run: DryRunOption = False,
) -> None:
    """Run a pipeline once on Gemini Enterprise Agent Platform (formerly Vertex AI).

    Example: textmill submit pipeline.yaml --param text_root=gs://my-text/news --watch
    """
    from pipelines.vertex.runs.submission import (
        check_images_built,
        check_text_on_store,
        make_request,
        prepare_submission,
        print_submitted,
        send_request,
    )
    from pipelines.vertex.runs.watch import watch_and_report

    submission = prepare_submission(spec_or_recipe, options)
    request = make_request(submission, run_id)
    if dry_run:
        from pipelines.cloud.client import message_to_json

        print_json(message_to_json(request))
        return
    check_images_built(submission.template)
    out, err = consoles()
    cloud = open_cloud(submission.target)
    check_text_on_store(cloud, submission, err)
    job = send_request(cloud, request)
    print_submitted(cloud, job, out)
    if watch:
        raise typer.Exit(watch_and_report(cloud, job, err, poll_seconds))


@app.command("list")
@accept_options
def list_(
    target: TargetOptions,
    state: Annotated[
        list[str] | None,
        typer.Option(
            metavar="STATE",
            help="Only runs in this state, for example running or failed. Repeatable.",
        ),
    ] = None,
    recipe: Annotated[
        str | None, typer.Option(metavar="RECIPE", help="Only runs of this pipeline.")
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULE", help="Only runs started by the schedule with this id or name."
        ),
    ] = None,
    limit: LimitOption = 20,
    all_pipelines: Annotated[
        bool, typer.Option("--all", metavar=FLAG, help="Include runs that Textmill did not submit.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List runs, newest first.

    Example: textmill runs list --state failed --limit 5
    """
    from pipelines.vertex.runs.runs import list_runs, print_runs, run_row
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(target)
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
@accept_options
def show(
    run: RunArgument,
    target: TargetOptions,
    watch: WatchOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
    prices: PricesOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show a run: its parameters, the states of its tasks, the cost of its training, its errors.

    Example: textmill runs show latest --watch
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.machines.presets import load_prices
    from pipelines.vertex.runs.runs import find_run, print_run
    from pipelines.vertex.runs.training import training_cost
    from pipelines.vertex.runs.watch import get_run, report_end, watch_and_report

    table = load_prices(prices)
    cloud = open_cloud(target)
    job = get_run(cloud, find_run(cloud, run))
    out, err = consoles()
    if as_json:
        print_json(message_to_json(job))
        return
    print_run(cloud, job, out, training_cost(cloud, job, table))
    if watch:
        raise typer.Exit(watch_and_report(cloud, job, err, poll_seconds))
    report_end(job, out)


@app.command()
@accept_options
def cancel(run: RunArgument, target: TargetOptions) -> None:
    """Cancel a run; models that it has published are kept.

    Example: textmill runs cancel latest
    """
    from pipelines.vertex.runs.describe import short_id
    from pipelines.vertex.runs.runs import cancel_run, find_run

    cloud = open_cloud(target)
    name = find_run(cloud, run)
    cancel_run(cloud, name)
    print_plain(
        f"Cancelling {short_id(name)} takes a minute or two. Watch it with "
        f"`textmill runs show {short_id(name)} --watch`."
    )


@app.command()
@accept_options
def retry(
    run: RunArgument,
    target: TargetOptions,
    watch: WatchOption = False,
    poll_seconds: PollOption = POLL_SECONDS,
) -> None:
    """Start a failed or cancelled run again, with the same spec, parameters and account.

    Finished tasks come from the cache, and training resumes from its last checkpoint.

    Example: textmill runs retry latest --watch
    """
    from pipelines.vertex.runs.runs import find_run
    from pipelines.vertex.runs.submission import make_retry_request, print_submitted, send_request
    from pipelines.vertex.runs.watch import watch_and_report

    cloud = open_cloud(target)
    job = send_request(cloud, make_retry_request(cloud, find_run(cloud, run)))
    out, err = consoles()
    print_submitted(cloud, job, out)
    if watch:
        raise typer.Exit(watch_and_report(cloud, job, err, poll_seconds))


@app.command()
@accept_options
def logs(
    run: RunArgument,
    target: TargetOptions,
    task: Annotated[
        str | None, typer.Option(metavar="TASK", help="Only this task, for example Trainer.")
    ] = None,
    limit: LimitOption = 200,
    severity: Annotated[
        str | None, typer.Option(metavar="SEVERITY", help="Lowest severity, for example WARNING.")
    ] = None,
    command: Annotated[
        bool,
        typer.Option(
            "--command", metavar=FLAG, help="Print the gcloud command that reads the same entries."
        ),
    ] = False,
) -> None:
    """Print the log of a run's tasks and of its training job.

    Example: textmill runs logs latest --task Trainer --severity WARNING
    """
    from pipelines.vertex.runs.logs import gcloud_command, log_filter, print_entries, read_entries
    from pipelines.vertex.runs.runs import find_run
    from pipelines.vertex.runs.watch import get_run

    cloud = open_cloud(target)
    job = get_run(cloud, find_run(cloud, run))
    expression = log_filter(cloud, job, task=task, severity=severity)
    if command:
        typer.echo(gcloud_command(cloud.target, expression, limit))
        return
    print_entries(read_entries(cloud, expression, limit), *consoles())
