"""The commands `textmill schedule …`."""

from typing import Annotated

import typer

from pipelines.vertex.commands.options import (
    EndpointOption,
    JsonOption,
    ProjectOption,
    RegionOption,
    consoles,
    open_cloud,
    print_json,
)
from pipelines.vertex.commands.schedule_edit import NameArgument, create, open_schedule, update

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Runs on Vertex AI that begin by themselves, as every Monday at 3:00.",
)

app.command()(create)


@app.command("list")
def list_(
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Lists the schedules of the project and region."""
    from pipelines.cloud import messages
    from pipelines.vertex.schedule.schedule import list_schedules
    from pipelines.vertex.schedule.text import print_schedules

    found = list_schedules(open_cloud(project, region, endpoint))
    if as_json:
        print_json([messages.as_json(schedule) for schedule in found])
    else:
        print_schedules(found, consoles()[0])


@app.command()
def show(
    schedule: NameArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    as_json: JsonOption = False,
    endpoint: EndpointOption = None,
) -> None:
    """Shows a schedule and its next five runs, in its zone and in UTC."""
    from pipelines.cloud import messages
    from pipelines.vertex.schedule.text import print_schedule

    cloud, found = open_schedule(schedule, project, region, endpoint)
    if as_json:
        print_json(messages.as_json(found))
    else:
        print_schedule(found, cloud.target, consoles()[0])


@app.command()
def pause(
    schedule: NameArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Lets no run begin until the schedule is resumed; those at work go on."""
    from pipelines.vertex.schedule import schedule as schedules

    cloud, found = open_schedule(schedule, project, region, endpoint)
    schedules.pause(cloud, found)
    _say(f"Paused: {found.display_name}. `textmill schedule resume` lets it go on.")


@app.command()
def resume(
    schedule: NameArgument,
    catch_up: Annotated[
        bool, typer.Option("--catch-up", help="Also start the runs that were missed.")
    ] = False,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Lets runs begin again."""
    from pipelines.vertex.schedule import schedule as schedules
    from pipelines.vertex.schedule.text import print_schedule

    cloud, found = open_schedule(schedule, project, region, endpoint)
    schedules.resume(cloud, found, catch_up=catch_up)
    print_schedule(schedules.find_schedule(cloud, found.name), cloud.target, consoles()[0])


app.command()(update)


@app.command()
def delete(
    schedule: NameArgument,
    project: ProjectOption = None,
    region: RegionOption = None,
    endpoint: EndpointOption = None,
) -> None:
    """Deletes a schedule; the runs that it began stay."""
    from pipelines.vertex.schedule import schedule as schedules

    cloud, found = open_schedule(schedule, project, region, endpoint)
    schedules.delete(cloud, found)
    _say(f"Deleted: {found.display_name} ({schedules.schedule_id(found)}). Its runs stay.")


def _say(words: str) -> None:
    from pipelines.cloud.errors import without_secrets

    typer.echo(without_secrets(words))
