"""The commands `textmill schedule …`."""

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from pipelines.options import FLAG, JsonOption, accept_options
from pipelines.vertex.options import (
    DryRunOption,
    SpecArgument,
    SubmitOptions,
    TargetOptions,
    consoles,
    open_cloud,
    print_json,
    print_plain,
)
from pipelines.vertex.schedule.cron import Timing, TimingOptions, read_timing

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

    from pipelines.cloud.client import Cloud
    from pipelines.cloud.target import Target
    from pipelines.vertex.runs.submission import Submission

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Start runs on Vertex AI at fixed times, for example every Monday at 3:00.",
)
ScheduleArgument = Annotated[
    str, typer.Argument(metavar="SCHEDULE", help="Id or name of the schedule.")
]
CronOption = Annotated[
    str | None,
    typer.Option(
        metavar="FIELDS",
        help='Minute, hour, day, month, weekday: "0 3 * * 1" is every Monday at 3:00.',
    ),
]
NameOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of the schedule; by default that of the pipeline."),
]
# Options of `update` that describe what to run.
NEED_SPEC = ("parameters", "labels", "network", "no_cache", "overrides")


@app.command()
@accept_options
def create(
    spec_or_recipe: SpecArgument,
    cron: CronOption,
    times: TimingOptions,
    options: SubmitOptions,
    name: NameOption = None,
    dry_run: DryRunOption = False,
) -> None:
    """Schedule a pipeline on Vertex AI.

    Example: textmill schedule create pipeline.yaml --cron "0 3 * * 1" --time-zone Europe/Berlin
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.submission import check_images_built, prepare_submission
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import print_next_runs, print_schedule

    timing = read_timing(cron, times, "UTC")
    timing = replace(timing, max_concurrent=times.max_concurrent or 1, queue=bool(times.queue))
    submission = prepare_submission(spec_or_recipe, options)
    target = submission.target
    schedule = schedules.make_schedule(name or submission.template.name, submission, timing)
    out, err = consoles()
    if dry_run:
        print_json({"parent": target.parent, "schedule": message_to_json(schedule)})
        print_next_runs(schedule, err)
        return
    check_images_built(submission.template)
    cloud = open_cloud(target)
    print_schedule(schedules.create(cloud, schedule), target, out)


@app.command("list")
@accept_options
def list_(target: TargetOptions, as_json: JsonOption = False) -> None:
    """List the schedules of the project and region.

    Example: textmill schedule list --region us-central1
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.schedule.describe import print_schedules
    from pipelines.vertex.schedule.schedule import list_schedules

    schedules = list_schedules(open_cloud(target))
    if as_json:
        print_json([message_to_json(schedule) for schedule in schedules])
    else:
        print_schedules(schedules, consoles()[0])


@app.command()
@accept_options
def show(schedule: ScheduleArgument, target: TargetOptions, as_json: JsonOption = False) -> None:
    """Show a schedule and its next five runs, in its time zone and in UTC.

    Example: textmill schedule show weekly
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.schedule.describe import print_schedule

    cloud, existing = open_schedule(schedule, target)
    if as_json:
        print_json(message_to_json(existing))
    else:
        print_schedule(existing, cloud.target, consoles()[0])


@app.command()
@accept_options
def pause(schedule: ScheduleArgument, target: TargetOptions) -> None:
    """Start no further runs until the schedule is resumed; active runs continue.

    Example: textmill schedule pause weekly
    """
    from pipelines.vertex.schedule import schedule as schedules

    cloud, existing = open_schedule(schedule, target)
    schedules.pause(cloud, existing)
    name = existing.display_name
    print_plain(f"Paused: {name}. Resume it with `textmill schedule resume`.")


@app.command()
@accept_options
def resume(
    schedule: ScheduleArgument,
    target: TargetOptions,
    catch_up: Annotated[
        bool,
        typer.Option(
            "--catch-up", metavar=FLAG, help="Also start the runs missed during the pause."
        ),
    ] = False,
) -> None:
    """Resume a paused schedule.

    Example: textmill schedule resume weekly --catch-up
    """
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import print_schedule

    cloud, existing = open_schedule(schedule, target)
    schedules.resume(cloud, existing, catch_up=catch_up)
    print_schedule(schedules.find_schedule(cloud, existing.name), cloud.target, consoles()[0])


@app.command()
@accept_options
def update(
    schedule: ScheduleArgument,
    times: TimingOptions,
    options: SubmitOptions,
    cron: CronOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="New name of the schedule.")
    ] = None,
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC_OR_RECIPE",
            help="What to run from now on, together with --param and the options below; without "
            "an option, the spec's value applies.",
        ),
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Change when a schedule starts runs, or what it runs.

    Example: textmill schedule update weekly --cron "0 5 * * 1"
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.describe import state_name
    from pipelines.vertex.runs.submission import check_images_built
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import print_next_runs, print_schedule

    submission = _prepare_new_run(spec, options)
    if submission and not dry_run:
        check_images_built(submission.template)
    cloud, existing = open_schedule(schedule, submission.target if submission else options)
    timing = _read_new_timing(cron, times, existing)
    request = schedules.make_update(existing, timing, submission=submission, name=name)
    out, err = consoles()
    if dry_run:
        print_json(message_to_json(request))
        if state_name(existing.state) == "active":
            print_next_runs(schedules.apply_update(existing, request), err)
        return
    print_schedule(schedules.update(cloud, request), cloud.target, out)


@app.command()
@accept_options
def delete(schedule: ScheduleArgument, target: TargetOptions) -> None:
    """Delete a schedule; the runs that it started are kept.

    Example: textmill schedule delete weekly
    """
    from pipelines.vertex.runs.describe import short_id
    from pipelines.vertex.schedule import schedule as schedules

    cloud, existing = open_schedule(schedule, target)
    schedules.delete(cloud, existing)
    print_plain(f"Deleted: {existing.display_name} ({short_id(existing.name)}). Its runs are kept.")


def _prepare_new_run(spec: str | None, options: SubmitOptions) -> "Submission | None":
    """Return what to run from now on; None if only the times change."""
    from pipelines.vertex.runs.submission import prepare_submission

    if spec is not None:
        return prepare_submission(spec, options)
    if any(getattr(options, name) for name in NEED_SPEC):
        raise InputError("--param, --label, --network, --no-cache and --set need --spec.")
    return None


def _read_new_timing(cron: str | None, times: TimingOptions, existing: "v1.Schedule") -> Timing:
    """Return the new times; the schedule's cron fields and time zone stay unless they are given."""
    from pipelines.vertex.schedule.describe import read_schedule_cron

    current = read_schedule_cron(existing)
    if cron is None and times.time_zone is not None and current:
        cron = current.fields
    return read_timing(cron, times, current.zone if current else "UTC")


def open_schedule(name: str, target: "TargetOptions | Target") -> "tuple[Cloud, v1.Schedule]":
    """Connect to Google Cloud and find a schedule by its id or name.

    Raises:
        InputError: no schedule, or more than one, has the name, or an option is wrong.
        VertexError: there are no credentials, or they are not accepted.
    """
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(target)
    return cloud, find_schedule(cloud, name)
