"""The commands `textmill schedule history` and `textmill schedule backfill`."""

from typing import Annotated

import typer

from core.exit import SUCCEEDED
from pipelines.options import JsonOption, accept_options
from pipelines.vertex.commands.schedule import ScheduleArgument, app, open_schedule
from pipelines.vertex.options import (
    POLL_SECONDS,
    DryRunOption,
    LimitOption,
    PollOption,
    TargetOptions,
    consoles,
    print_json,
)

__all__ = ["app"]  # with the commands below


@app.command()
@accept_options
def history(
    schedule: ScheduleArgument,
    target: TargetOptions,
    limit: LimitOption = 10,
    as_json: JsonOption = False,
) -> None:
    """Show what a schedule did each time it was due: the run, or that none was started.

    Example: textmill schedule history weekly --limit 5
    """
    from pipelines.vertex.schedule.past_runs import print_history, read_history

    cloud, existing = open_schedule(schedule, target)
    times = read_history(cloud, existing, limit)
    if as_json:
        print_json([due.as_json() for due in times])
    else:
        print_history(existing, times, consoles()[0])


@app.command()
@accept_options
def backfill(
    schedule: ScheduleArgument,
    spans: Annotated[
        str, typer.Option(metavar="SPANS", help="Spans to run, for example 3..7 or 3,5,9..11.")
    ],
    target: TargetOptions,
    poll_seconds: PollOption = POLL_SECONDS,
    dry_run: DryRunOption = False,
) -> None:
    """Run a schedule's pipeline for spans of the past, in order, one after the other.

    Each run is watched to its end, because it compares its model with the one before; the first
    that does not succeed ends the command.

    Example: textmill schedule backfill weekly --spans 3..7
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.submission import print_submitted, send_request
    from pipelines.vertex.runs.watch import watch_and_report
    from pipelines.vertex.schedule.past_runs import backfill_requests, parse_spans

    wanted = parse_spans(spans)
    cloud, existing = open_schedule(schedule, target)
    requests = backfill_requests(cloud, existing, wanted)
    if dry_run:
        print_json([message_to_json(request) for request in requests])
        return
    out, err = consoles()
    for request in requests:
        job = send_request(cloud, request)
        print_submitted(cloud, job, out)
        if (code := watch_and_report(cloud, job, err, poll_seconds)) != SUCCEEDED:
            raise typer.Exit(code)
