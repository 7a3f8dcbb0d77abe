"""The commands `textmill schedule create` and `textmill schedule update`."""

from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError
from pipelines.options import ParamOption, SetOption
from pipelines.vertex.commands.options import (
    DryRunOption,
    EndpointOption,
    LabelOption,
    NetworkOption,
    NoCacheOption,
    ProjectOption,
    RegionOption,
    RootOption,
    ServiceAccountOption,
    SpecArgument,
    consoles,
    open_cloud,
    print_json,
    submit_options,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

    from pipelines.cloud.client import Cloud
    from pipelines.vertex.schedule.schedule import Timing

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
ZoneOption = Annotated[
    str | None,
    typer.Option(metavar="ZONE", help="Time zone of --cron, --start and --end; default: UTC."),
]
NameOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="Name of the schedule; by default that of the pipeline."),
]
StartOption = Annotated[
    str | None,
    typer.Option(metavar="TIME", help="Earliest start time, for example 2027-01-31T03:00."),
]
EndOption = Annotated[str | None, typer.Option(metavar="TIME", help="Latest start time.")]
MaxRunsOption = Annotated[
    int | None, typer.Option(metavar="N", min=1, help="Maximum number of runs in total.")
]
MaxConcurrentOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="Maximum number of runs at the same time; default: 1."),
]
QueueOption = Annotated[
    bool | None,
    typer.Option(
        "--queue/--no-queue",
        metavar="",
        help="Let a run wait while the maximum is reached, or skip it (the default).",
    ),
]


def create(
    context: typer.Context,
    spec_or_recipe: SpecArgument,
    cron: CronOption,
    time_zone: ZoneOption = None,
    name: NameOption = None,
    start: StartOption = None,
    end: EndOption = None,
    max_runs: MaxRunsOption = None,
    max_concurrent: MaxConcurrentOption = 1,
    queue: QueueOption = False,
    parameters: ParamOption = None,
    labels: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    dry_run: DryRunOption = False,
    overrides: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Schedule a pipeline on Vertex AI.

    Example: textmill schedule create pipeline.yaml --cron "0 3 * * 1" --time-zone Europe/Berlin
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.submission import check_images_built, prepare_submission
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import print_next_runs, print_schedule

    timing = _read_timing(
        cron,
        time_zone,
        "UTC",
        start=start,
        end=end,
        max_runs=max_runs,
        max_concurrent=max_concurrent,
        queue=queue,
    )
    submission = prepare_submission(spec_or_recipe, submit_options(context))
    target = submission.target
    schedule = schedules.make_schedule(name or submission.template.name, submission, timing)
    out, err = consoles()
    if dry_run:
        print_json({"parent": target.parent, "schedule": message_to_json(schedule)})
        print_next_runs(schedule, err)
        return
    check_images_built(submission.template)
    cloud = open_cloud(target.project, target.region, target.endpoint)
    print_schedule(schedules.create(cloud, schedule), target, out)


def update(
    context: typer.Context,
    schedule: ScheduleArgument,
    cron: CronOption = None,
    time_zone: ZoneOption = None,
    name: Annotated[
        str | None, typer.Option(metavar="NAME", help="New name of the schedule.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    max_runs: MaxRunsOption = None,
    max_concurrent: MaxConcurrentOption = None,
    queue: QueueOption = None,
    spec: Annotated[
        str | None,
        typer.Option(
            metavar="SPEC_OR_RECIPE",
            help="What to run from now on, together with --param and the options below; without "
            "an option, the spec's value applies.",
        ),
    ] = None,
    parameters: ParamOption = None,
    labels: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    dry_run: DryRunOption = False,
    overrides: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Change when a schedule starts runs, or what it runs.

    Example: textmill schedule update weekly --cron "0 5 * * 1"
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.runs.describe import state_name
    from pipelines.vertex.runs.submission import check_images_built, prepare_submission
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import cron_of, print_next_runs, print_schedule

    submission = None
    if spec is not None:
        submission = prepare_submission(spec, submit_options(context))
        if not dry_run:
            check_images_built(submission.template)
        project, region = submission.target.project, submission.target.region
    elif parameters or labels or network or no_cache or overrides:
        raise InputError("--param, --label, --network, --no-cache and --set need --spec.")
    cloud, existing = open_schedule(schedule, project, region, endpoint)
    current = cron_of(existing)
    if cron is None and time_zone is not None and current:
        cron = current.fields
    timing = _read_timing(
        cron,
        time_zone,
        current.zone if current else "UTC",
        start=start,
        end=end,
        max_runs=max_runs,
        max_concurrent=max_concurrent,
        queue=queue,
    )
    request = schedules.make_update(existing, timing, submission=submission, name=name)
    out, err = consoles()
    if dry_run:
        print_json(message_to_json(request))
        if state_name(existing.state) == "active":
            print_next_runs(schedules.apply_update(existing, request), err)
        return
    print_schedule(schedules.update(cloud, request), cloud.target, out)


def _read_timing(
    fields: str | None,
    zone: str | None,
    current_zone: str,
    *,
    start: str | None,
    end: str | None,
    max_runs: int | None,
    max_concurrent: int | None,
    queue: bool | None,
) -> "Timing":
    """Check the options about time; without a zone, the schedule keeps its current one."""
    from pipelines.vertex.schedule.cron import PREFIXES, read_cron, read_time
    from pipelines.vertex.schedule.schedule import Timing

    cron = None
    if fields is not None:
        has_zone = fields.strip().startswith(PREFIXES)
        cron = read_cron(fields, zone if has_zone else zone or current_zone)
    zone = cron.zone if cron else current_zone
    return Timing(
        cron=cron,
        start=read_time(start, zone, "--start"),
        end=read_time(end, zone, "--end"),
        max_runs=max_runs,
        max_concurrent=max_concurrent,
        queue=queue,
    )


def open_schedule(
    name: str, project: str | None, region: str | None, endpoint: str | None
) -> "tuple[Cloud, v1.Schedule]":
    """Connect to Google Cloud and find a schedule by its id or name.

    Raises:
        InputError: no schedule, or more than one, has the name, or an option is wrong.
        VertexError: there are no credentials, or they are not accepted.
    """
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(project, region, endpoint)
    return cloud, find_schedule(cloud, name)
