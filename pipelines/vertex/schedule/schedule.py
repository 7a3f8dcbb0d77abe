"""Create, find, change and delete schedules on Vertex AI."""

import re
from typing import TYPE_CHECKING, Any

from core.errors import InputError
from pipelines.cloud.client import RETRY_SECONDS, Cloud, resource_name
from pipelines.vertex.runs.describe import short_id
from pipelines.vertex.runs.submission import Submission
from pipelines.vertex.schedule.cron import Timing

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1


def make_schedule(name: str, submission: Submission, timing: Timing) -> "v1.Schedule":
    """Build the schedule to create.

    Raises:
        InputError: the cron line is missing, or no run would ever start.
    """
    from google.cloud import aiplatform_v1 as v1

    if timing.cron is None:
        raise InputError('--cron is missing. Write it as --cron "0 3 * * 1".')
    if timing.start and timing.end and timing.end <= timing.start:
        raise InputError("--end is before --start, so no run would start.")
    if not timing.cron.next_runs(1, start=timing.start, end=timing.end):
        raise InputError("No run would start before --end. Set --end later, or leave it out.")
    schedule = v1.Schedule(display_name=name, create_pipeline_job_request=_make_request(submission))
    _set_timing(schedule, timing)
    return schedule


def _make_request(submission: Submission) -> "v1.CreatePipelineJobRequest":
    from google.cloud import aiplatform_v1 as v1

    return v1.CreatePipelineJobRequest(parent=submission.target.parent, pipeline_job=submission.job)


def _set_timing(schedule: "v1.Schedule", timing: Timing) -> list[str]:
    """Set the fields that the timing gives, and return their names."""
    values: dict[str, Any] = {
        "cron": timing.cron.text if timing.cron else None,
        "start_time": timing.start,
        "end_time": timing.end,
        "max_run_count": timing.max_runs,
        "max_concurrent_run_count": timing.max_concurrent,
        # The field above limits how many runs *start* at the same time; this one limits how many
        # are active, so that a weekly run of more than a week does not overlap with the next.
        "max_concurrent_active_run_count": timing.max_concurrent,
        "allow_queueing": timing.queue,
    }
    fields = [name for name, value in values.items() if value is not None]
    for name in fields:
        setattr(schedule, name, values[name])
    return fields


def create(cloud: Cloud, schedule: "v1.Schedule") -> "v1.Schedule":
    """Create a schedule, unless one of the same name exists.

    Raises:
        InputError: a schedule of this name exists.
        VertexError: Vertex AI refused the request.
    """
    if existing := list_schedules(cloud, name=schedule.display_name):
        raise InputError(
            f"A schedule {schedule.display_name} exists already "
            f"({', '.join(short_id(s.name) for s in existing)}). Change it with `textmill schedule "
            f"update`, delete it, or choose another --name."
        )
    # A retry after a lost response would create a second schedule.
    return cloud.call(
        "create the schedule",
        lambda: cloud.schedules.create_schedule(parent=cloud.target.parent, schedule=schedule),
        is_idempotent=False,
    )


def list_schedules(cloud: Cloud, *, name: str | None = None) -> list["v1.Schedule"]:
    """List schedules, newest first; with `name`, only those with this display name."""
    from google.cloud import aiplatform_v1 as v1

    quoted = (name or "").replace("\\", "\\\\").replace('"', '\\"')
    request = v1.ListSchedulesRequest(
        parent=cloud.target.parent,
        filter=f'display_name="{quoted}"' if name else "",
        order_by="create_time desc",
    )
    return cloud.call(
        "list the schedules", lambda: list(cloud.schedules.list_schedules(request=request))
    )


def find_schedule(cloud: Cloud, name: str) -> "v1.Schedule":
    """Return a schedule by its id, resource name or display name.

    Raises:
        InputError: no schedule, or more than one, has this display name.
        VertexError: no schedule has this id, or you may not read it.
    """
    if re.fullmatch(r"\d+", name) or "/" in name:
        full = resource_name(cloud.target, "schedules", name)
        return cloud.call(
            f"find the schedule {name}", lambda: cloud.schedules.get_schedule(name=full)
        )
    schedules = list_schedules(cloud, name=name)
    if len(schedules) == 1:
        return schedules[0]
    if schedules:
        ids = ", ".join(short_id(schedule.name) for schedule in schedules)
        raise InputError(f"Several schedules are named {name}: {ids}. Pass the id.")
    known = ", ".join(s.display_name for s in list_schedules(cloud)) or "none"
    raise InputError(
        f"There is no schedule {name} in {cloud.target.project}, {cloud.target.region}. "
        f"Existing schedules: {known}."
    )


def pause(cloud: Cloud, schedule: "v1.Schedule") -> None:
    """Start no further runs until the schedule is resumed; active runs continue."""
    cloud.call("pause the schedule", lambda: cloud.schedules.pause_schedule(name=schedule.name))


def resume(cloud: Cloud, schedule: "v1.Schedule", *, catch_up: bool) -> None:
    """Start runs again; with `catch_up`, also those missed during the pause, one after another."""
    cloud.call(
        "resume the schedule",
        lambda: cloud.schedules.resume_schedule(name=schedule.name, catch_up=catch_up),
    )


def make_update(
    schedule: "v1.Schedule",
    timing: Timing,
    *,
    submission: Submission | None = None,
    name: str | None = None,
) -> "v1.UpdateScheduleRequest":
    """Build the request that changes only the given values of a schedule.

    Raises:
        InputError: there is nothing to change.
    """
    from google.cloud import aiplatform_v1 as v1
    from google.protobuf.field_mask_pb2 import FieldMask

    changed = v1.Schedule(name=schedule.name)
    fields = _set_timing(changed, timing)
    if name is not None:
        changed.display_name = name
        fields.append("display_name")
    if submission is not None:
        changed.create_pipeline_job_request = _make_request(submission)
        fields.append("create_pipeline_job_request")
    if not fields:
        raise InputError(
            "Nothing to change. Pass --cron, --end or --spec, for example; see --help."
        )
    return v1.UpdateScheduleRequest(schedule=changed, update_mask=FieldMask(paths=fields))


def apply_update(schedule: "v1.Schedule", request: "v1.UpdateScheduleRequest") -> "v1.Schedule":
    """Return the schedule as it would be after the update."""
    from google.cloud import aiplatform_v1 as v1

    updated = v1.Schedule(schedule)
    for field in request.update_mask.paths:
        setattr(updated, field, getattr(request.schedule, field))
    return updated


def update(cloud: Cloud, request: "v1.UpdateScheduleRequest") -> "v1.Schedule":
    """Send an update and return the changed schedule."""
    return cloud.call(
        "update the schedule", lambda: cloud.schedules.update_schedule(request=request)
    )


def delete(cloud: Cloud, schedule: "v1.Schedule") -> None:
    """Delete a schedule; the runs that it started are kept."""
    operation = cloud.call(
        "delete the schedule", lambda: cloud.schedules.delete_schedule(name=schedule.name)
    )
    cloud.call("delete the schedule", lambda: operation.result(timeout=RETRY_SECONDS))
