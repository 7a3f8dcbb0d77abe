"""The commands `textmill schedule …`."""

from typing import Annotated

import typer

from pipelines.options import FLAG, JsonOption
from pipelines.vertex.commands.options import (
    EndpointOption,
    ProjectOption,
    RegionOption,
    consoles,
    open_cloud,
    print_json,
    print_plain,
)
from pipelines.vertex.commands.schedule_edit import ScheduleArgument, create, open_schedule, update

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Start runs on Vertex AI at fixed times, for example every Monday at 3:00.",
)

app.command()(create)


@app.command("list")
def list_(
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """List the schedules of the project and region.

    Example: textmill schedule list --region us-central1
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.schedule.describe import print_schedules
    from pipelines.vertex.schedule.schedule import list_schedules

    schedules = list_schedules(open_cloud(project, region, endpoint))
    if as_json:
        print_json([message_to_json(schedule) for schedule in schedules])
    else:
        print_schedules(schedules, consoles()[0])


@app.command()
def show(
    schedule: ScheduleArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Show a schedule and its next five runs, in its time zone and in UTC.

    Example: textmill schedule show weekly
    """
    from pipelines.cloud.client import message_to_json
    from pipelines.vertex.schedule.describe import print_schedule

    cloud, existing = open_schedule(schedule, project, region, endpoint)
    if as_json:
        print_json(message_to_json(existing))
    else:
        print_schedule(existing, cloud.target, consoles()[0])


@app.command()
def pause(
    schedule: ScheduleArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Start no further runs until the schedule is resumed; active runs continue.

    Example: textmill schedule pause weekly
    """
    from pipelines.vertex.schedule import schedule as schedules

    cloud, existing = open_schedule(schedule, project, region, endpoint)
    schedules.pause(cloud, existing)
    name = existing.display_name
    print_plain(f"Paused: {name}. Resume it with `textmill schedule resume`.")


@app.command()
def resume(
    schedule: ScheduleArgument,
    catch_up: Annotated[
        bool,
        typer.Option(
            "--catch-up", metavar=FLAG, help="Also start the runs missed during the pause."
        ),
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Resume a paused schedule.

    Example: textmill schedule resume weekly --catch-up
    """
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.describe import print_schedule

    cloud, existing = open_schedule(schedule, project, region, endpoint)
    schedules.resume(cloud, existing, catch_up=catch_up)
    print_schedule(schedules.find_schedule(cloud, existing.name), cloud.target, consoles()[0])


app.command()(update)


@app.command()
def delete(
    schedule: ScheduleArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Delete a schedule; the runs that it started are kept.

    Example: textmill schedule delete weekly
    """
    from pipelines.vertex.runs.describe import short_id
    from pipelines.vertex.schedule import schedule as schedules

    cloud, existing = open_schedule(schedule, project, region, endpoint)
    schedules.delete(cloud, existing)
    print_plain(f"Deleted: {existing.display_name} ({short_id(existing.name)}). Its runs are kept.")
