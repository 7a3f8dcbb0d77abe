"""The commands `textmill schedule create` and `update`: what a schedule runs, and when."""

from typing import TYPE_CHECKING, Annotated

import typer

from pipelines.vertex.commands.options import (
    DryRunOption,
    EndpointOption,
    LabelOption,
    NetworkOption,
    NoCacheOption,
    ParamOption,
    ProjectOption,
    RegionOption,
    RootOption,
    ServiceAccountOption,
    SetOption,
    TemplateArgument,
    consoles,
    open_cloud,
    print_json,
)

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

    from pipelines.cloud.client import Cloud
    from pipelines.vertex.schedule.schedule import Timing

NameArgument = Annotated[str, typer.Argument(metavar="SCHEDULE", help="Its id or its name.")]
CronOption = Annotated[
    str | None,
    typer.Option(help='Minute, hour, day, month, weekday: "0 3 * * 1" is Mondays at 3:00.'),
]
ZoneOption = Annotated[
    str | None, typer.Option(help="The zone of --cron, --start and --end; UTC by default.")
]
StartOption = Annotated[str | None, typer.Option(help="No run before; as 2027-01-31T03:00.")]
EndOption = Annotated[str | None, typer.Option(help="No run after.")]
MaxRunsOption = Annotated[int | None, typer.Option(min=1, help="So many runs in all.")]
QueueOption = Annotated[
    bool | None,
    typer.Option("--queue/--no-queue", help="A run without a free place waits, or is left out."),
]


def create(
    spec_or_recipe: TemplateArgument,
    cron: CronOption,
    time_zone: ZoneOption = None,
    name: Annotated[
        str | None, typer.Option(help="The schedule's name; the pipeline's, if left out.")
    ] = None,
    start: StartOption = None,
    end: EndOption = None,
    max_runs: MaxRunsOption = None,
    max_concurrent: Annotated[int, typer.Option(min=1, help="Runs at a time.")] = 1,
    queue: QueueOption = False,
    param: ParamOption = None,
    label: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    dry_run: DryRunOption = False,
    set_: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Schedules a pipeline on Vertex AI."""
    from pipelines.cloud.messages import as_json
    from pipelines.vertex.runs.job_request import Wishes
    from pipelines.vertex.runs.prepare import must_be_built, prepare
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.text import print_next_runs, print_schedule

    timing = _timing(
        cron, time_zone, "UTC", start=start, end=end, max_runs=max_runs,
        max_concurrent=max_concurrent, queue=queue,
    )  # fmt: skip
    wishes = Wishes(
        parameters=param or (), labels=label or (), root=root, service_account=service_account,
        network=network, use_cache=False if no_cache else None,
    )  # fmt: skip
    ready = prepare(
        spec_or_recipe, project=project, region=region, endpoint=endpoint, overrides=set_,
        wishes=wishes,
    )  # fmt: skip
    made = schedules.make_schedule(name or ready.template.name, ready.order, ready.target, timing)
    out, err = consoles()
    if dry_run:
        print_json({"parent": ready.target.parent, "schedule": as_json(made)})
        print_next_runs(made, err)
        return
    must_be_built(ready.template)
    target = ready.target
    cloud = open_cloud(target.project, target.region, target.endpoint)
    print_schedule(schedules.create(cloud, made), target, out)


def update(
    schedule: NameArgument,
    cron: CronOption = None,
    time_zone: ZoneOption = None,
    name: Annotated[str | None, typer.Option(help="A new name.")] = None,
    start: StartOption = None,
    end: EndOption = None,
    max_runs: MaxRunsOption = None,
    max_concurrent: Annotated[int | None, typer.Option(min=1, help="Runs at a time.")] = None,
    queue: QueueOption = None,
    spec: Annotated[
        str | None,
        typer.Option(metavar="SPEC_OR_RECIPE", help="What runs from now on; --param and others "
                     "below belong to it, and what they do not give is as the spec says."),
    ] = None,
    param: ParamOption = None,
    label: LabelOption = None,
    root: RootOption = None,
    project: ProjectOption = None,
    region: RegionOption = None,
    service_account: ServiceAccountOption = None,
    network: NetworkOption = None,
    no_cache: NoCacheOption = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Look the schedule up, print the request as JSON and change "
                     "nothing."),
    ] = False,
    set_: SetOption = None,
    endpoint: EndpointOption = None,
) -> None:  # fmt: skip
    """Changes when a schedule fires, or what it runs."""
    from core.errors import InputError
    from pipelines.cloud.messages import as_json
    from pipelines.vertex.runs.job_request import Wishes
    from pipelines.vertex.runs.prepare import must_be_built, prepare
    from pipelines.vertex.runs.watch import state_word
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.text import cron_of, print_next_runs, print_schedule

    order = None
    if spec is not None:
        wishes = Wishes(
            parameters=param or (), labels=label or (), root=root,
            service_account=service_account, network=network,
            use_cache=False if no_cache else None,
        )  # fmt: skip
        ready = prepare(
            spec, project=project, region=region, endpoint=endpoint, overrides=set_,
            wishes=wishes,
        )  # fmt: skip
        if not dry_run:
            must_be_built(ready.template)
        order, project, region = ready.order, ready.target.project, ready.target.region
    elif param or label or network or no_cache or set_:
        raise InputError("--param, --label, --network, --no-cache and --set need --spec.")
    cloud, found = open_schedule(schedule, project, region, endpoint)
    known = cron_of(found)
    if cron is None and time_zone is not None:
        cron = known.fields if known else None
    timing = _timing(
        cron, time_zone, known.zone if known else "UTC", start=start, end=end, max_runs=max_runs,
        max_concurrent=max_concurrent, queue=queue,
    )  # fmt: skip
    request = schedules.make_update(found, cloud.target, timing, order=order, name=name)
    out, err = consoles()
    if dry_run:
        print_json(as_json(request))
        if state_word(found.state) == "active":
            print_next_runs(schedules.changed_by(found, request), err)
        return
    print_schedule(schedules.update(cloud, request), cloud.target, out)


def _timing(
    fields: str | None,
    zone: str | None,
    known_zone: str,
    *,
    start: str | None,
    end: str | None,
    max_runs: int | None,
    max_concurrent: int | None,
    queue: bool | None,
) -> "Timing":
    """The options on time, checked; a zone that is not given stays the schedule's own."""
    from pipelines.vertex.schedule.cron import PREFIXES, read_cron, read_moment
    from pipelines.vertex.schedule.schedule import Timing

    cron = None
    if fields is not None:
        own = fields.strip().startswith(PREFIXES)
        cron = read_cron(fields, zone if own else zone or known_zone)
    at = cron.zone if cron else known_zone
    return Timing(
        cron=cron,
        start=read_moment(start, at, "--start"),
        end=read_moment(end, at, "--end"),
        max_runs=max_runs,
        max_concurrent=max_concurrent,
        queue=queue,
    )


def open_schedule(
    name: str, project: str | None, region: str | None, endpoint: str | None
) -> "tuple[Cloud, v1.Schedule]":
    """Google Cloud as the options say, and the schedule of this id or name in it.

    Raises:
        InputError: no or several schedules have the name, or an option is missing or wrong.
        VertexError: there are no credentials, or they do not do.
    """
    from pipelines.vertex.schedule.schedule import find_schedule

    cloud = open_cloud(project, region, endpoint)
    return cloud, find_schedule(cloud, name)
