"""Schedules: what they hold, and what is done with them. Printing is schedule_text's."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from core.errors import InputError
from pipelines.cloud.client import Cloud, resource_name
from pipelines.cloud.target import Target
from pipelines.vertex.runs.job_request import Order
from pipelines.vertex.schedule.cron import Cron

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When runs begin, and how many. None leaves an existing schedule's value as it is."""

    cron: Cron | None = None
    start: datetime | None = None
    end: datetime | None = None
    max_runs: int | None = None  # in all
    max_concurrent: int | None = None  # at a time
    queue: bool | None = None  # wait for a free place instead of leaving the run out


def make_schedule(name: str, order: Order, target: Target, timing: Timing) -> "v1.Schedule":
    """The schedule as it is sent."""
    from google.cloud import aiplatform_v1 as v1

    if timing.cron is None:
        raise InputError('--cron is missing. Write it as --cron "0 3 * * 1".')
    if timing.start and timing.end and timing.end <= timing.start:
        raise InputError("--end lies before --start: no run would begin.")
    if not timing.cron.next_runs(1, start=timing.start, end=timing.end):
        raise InputError("No run would begin before --end. Set --end later, or leave it out.")
    schedule = v1.Schedule(
        display_name=name,
        create_pipeline_job_request=v1.CreatePipelineJobRequest(
            parent=target.parent, pipeline_job=order.job
        ),
    )
    _set_timing(schedule, timing)
    return schedule


def _set_timing(schedule: "v1.Schedule", timing: Timing) -> list[str]:
    """Sets what the timing says; returns the names of the fields that it set."""
    wanted: dict[str, Any] = {
        "cron": timing.cron.text if timing.cron else None,
        "start_time": timing.start,
        "end_time": timing.end,
        "max_run_count": timing.max_runs,
        "max_concurrent_run_count": timing.max_concurrent,
        # The field before limits how many runs are *started* at a time, this one how many are at
        # work; a weekly run that takes longer than a week must not meet the next one.
        "max_concurrent_active_run_count": timing.max_concurrent,
        "allow_queueing": timing.queue,
    }
    changed = [name for name, value in wanted.items() if value is not None]
    for name in changed:
        setattr(schedule, name, wanted[name])
    return changed


def create(cloud: Cloud, schedule: "v1.Schedule") -> "v1.Schedule":
    """Creates a schedule; never a second one of the same name.

    Raises:
        InputError: there is one of this name already.
        VertexError: Vertex AI refused it.
    """
    target = cloud.target
    if there := list_schedules(cloud, name=schedule.display_name):
        raise InputError(
            f"There is a schedule {schedule.display_name} already "
            f"({', '.join(schedule_id(s) for s in there)}). Change it with `textmill schedule "
            f"update`, delete it, or take another --name."
        )
    # Not tried again after a failure that may have come through: it would run twice a week.
    return cloud.call(
        "create the schedule",
        lambda: cloud.schedules.create_schedule(parent=target.parent, schedule=schedule),
        try_again=False,
    )


def list_schedules(cloud: Cloud, *, name: str | None = None) -> list["v1.Schedule"]:
    """The schedules of project and region, newest first; those of one display name, if given."""
    from google.cloud import aiplatform_v1 as v1

    request = v1.ListSchedulesRequest(
        parent=cloud.target.parent,
        filter=f'display_name="{_quoted(name)}"' if name else "",
        order_by="create_time desc",
    )
    return cloud.call(
        "list the schedules", lambda: list(cloud.schedules.list_schedules(request=request))
    )


def find_schedule(cloud: Cloud, name: str) -> "v1.Schedule":
    """A schedule by its id or by its display name.

    Raises:
        InputError: none or several have this name.
        VertexError: there is none of this id, or it may not be read.
    """
    if re.fullmatch(r"\d+", name) or "/" in name:
        full = resource_name(cloud.target, "schedules", name)
        return cloud.call(
            f"find the schedule {name}", lambda: cloud.schedules.get_schedule(name=full)
        )
    found = list_schedules(cloud, name=name)
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(schedule_id(schedule) for schedule in found)
        raise InputError(f"Several schedules have the name {name}: {ids}. Give the id.")
    known = ", ".join(s.display_name for s in list_schedules(cloud)) or "none"
    raise InputError(
        f"There is no schedule {name} in {cloud.target.project}, {cloud.target.region}. "
        f"There: {known}."
    )


def pause(cloud: Cloud, schedule: "v1.Schedule") -> None:
    """No run begins until it is resumed; those at work go on."""
    cloud.call("pause the schedule", lambda: cloud.schedules.pause_schedule(name=schedule.name))


def resume(cloud: Cloud, schedule: "v1.Schedule", *, catch_up: bool) -> None:
    """Runs begin again; with `catch_up` also those that were missed, one after the other."""
    cloud.call(
        "resume the schedule",
        lambda: cloud.schedules.resume_schedule(name=schedule.name, catch_up=catch_up),
    )


def make_update(
    schedule: "v1.Schedule",
    target: Target,
    timing: Timing,
    *,
    order: Order | None = None,
    name: str | None = None,
) -> "v1.UpdateScheduleRequest":
    """The change as it is sent: what is given, and the names of the fields that it sets.

    Raises:
        InputError: nothing is given.
    """
    from google.cloud import aiplatform_v1 as v1
    from google.protobuf.field_mask_pb2 import FieldMask

    wanted = v1.Schedule(name=schedule.name)
    paths = _set_timing(wanted, timing)
    if name is not None:
        wanted.display_name = name
        paths.append("display_name")
    if order is not None:
        wanted.create_pipeline_job_request = v1.CreatePipelineJobRequest(
            parent=target.parent, pipeline_job=order.job
        )
        paths.append("create_pipeline_job_request")
    if not paths:
        raise InputError("Nothing to change. Give --cron, --end, --spec, …; see --help.")
    return v1.UpdateScheduleRequest(schedule=wanted, update_mask=FieldMask(paths=paths))


def changed_by(schedule: "v1.Schedule", request: "v1.UpdateScheduleRequest") -> "v1.Schedule":
    """The schedule as it would be after the change."""
    from google.cloud import aiplatform_v1 as v1

    changed = v1.Schedule(schedule)
    for path in request.update_mask.paths:
        setattr(changed, path, getattr(request.schedule, path))
    return changed


def update(cloud: Cloud, request: "v1.UpdateScheduleRequest") -> "v1.Schedule":
    """Changes what the request names and leaves the rest.

    Raises:
        VertexError: Vertex AI refused it.
    """
    return cloud.call(
        "update the schedule", lambda: cloud.schedules.update_schedule(request=request)
    )


def delete(cloud: Cloud, schedule: "v1.Schedule") -> None:
    """Deletes a schedule; its runs stay."""
    operation = cloud.call(
        "delete the schedule", lambda: cloud.schedules.delete_schedule(name=schedule.name)
    )
    cloud.call("delete the schedule", operation.result)


def schedule_id(schedule: "v1.Schedule") -> str:
    """The id within project and region."""
    return str(schedule.name.rsplit("/", maxsplit=1)[-1])


def _quoted(text: Sequence[str] | str) -> str:
    """For a text within a filter."""
    return str(text).replace("\\", "\\\\").replace('"', '\\"')
