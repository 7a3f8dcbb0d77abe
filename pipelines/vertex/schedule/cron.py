"""Check the times of a schedule offline: cron line, time zone and limits; compute when it fires."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice, takewhile
from typing import TYPE_CHECKING, Annotated

import typer

from core.errors import InputError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

NUM_FIELDS = 5
PREFIXES = ("CRON_TZ=", "TZ=")
# Characters that cronsim accepts but Vertex AI's unix-cron does not.
UNSUPPORTED = {"#": "weekdays of a month", "L": "last days", "@": "named times"}


@dataclass(frozen=True)
class Cron:
    """A checked cron line and its time zone."""

    fields: str  # minute, hour, day of month, month, day of week
    zone: str  # IANA name, for example Europe/Berlin

    @property
    def text(self) -> str:
        """The form that Vertex AI accepts."""
        return f"TZ={self.zone} {self.fields}"

    def next_runs(
        self, count: int, *, start: datetime | None = None, end: datetime | None = None
    ) -> list[datetime]:
        """Return the next times at which the schedule fires, in its zone and from now on."""
        from cronsim import CronSim

        now = datetime.now(UTC)
        after = max(start or now, now).astimezone(find_zone(self.zone))
        times = takewhile(lambda time: end is None or time <= end, CronSim(self.fields, after))
        return list(islice(times, count))

    def previous_runs(self, count: int, start: datetime, now: datetime) -> list[datetime]:
        """Return the latest times before now at which the schedule was due, newest first."""
        from cronsim import CronSim

        earlier = CronSim(self.fields, now.astimezone(find_zone(self.zone)), reverse=True)
        return list(islice(takewhile(lambda time: time >= start, earlier), count))


@dataclass(frozen=True, kw_only=True)
class TimingOptions:
    """When runs start, and how many, as given on the command line."""

    time_zone: Annotated[
        str | None,
        typer.Option(metavar="ZONE", help="Time zone of --cron, --start and --end; default: UTC."),
    ] = None
    start: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Earliest start time, for example 2027-01-31T03:00."),
    ] = None
    end: Annotated[str | None, typer.Option(metavar="TIME", help="Latest start time.")] = None
    max_runs: Annotated[
        int | None, typer.Option(metavar="N", min=1, help="Maximum number of runs in total.")
    ] = None
    max_concurrent: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Maximum number of runs at the same time; default: 1."
        ),
    ] = None
    queue: Annotated[
        bool | None,
        typer.Option(
            "--queue/--no-queue",
            metavar="",
            help="Let a run wait while the maximum is reached, or skip it (the default).",
        ),
    ] = None


@dataclass(frozen=True, kw_only=True)
class Timing:
    """When runs start, and how many. In an update, None keeps the schedule's value."""

    cron: Cron | None = None
    start: datetime | None = None
    end: datetime | None = None
    max_runs: int | None = None  # in total
    max_concurrent: int | None = None  # at the same time
    queue: bool | None = None  # True: a run over the limit waits; False: it is skipped


def read_timing(fields: str | None, times: TimingOptions, current_zone: str) -> Timing:
    """Check the options about time; without a zone, the schedule keeps its current one.

    Raises:
        InputError: an option is wrong.
    """
    cron = None
    if fields is not None:
        has_zone = fields.strip().startswith(PREFIXES)
        cron = read_cron(fields, times.time_zone if has_zone else times.time_zone or current_zone)
    zone = cron.zone if cron else current_zone
    return Timing(
        cron=cron,
        start=read_time(times.start, zone, "--start"),
        end=read_time(times.end, zone, "--end"),
        max_runs=times.max_runs,
        max_concurrent=times.max_concurrent,
        queue=times.queue,
    )


def read_cron(fields: str, zone: str | None) -> Cron:
    """Check a cron line, for example "0 3 * * 1"; it may begin with TZ=Europe/Berlin.

    The zone is UTC if neither argument names one.

    Raises:
        InputError: says what is wrong with the line.
    """
    from cronsim import CronSim, CronSimError

    prefix, _, rest = fields.strip().partition(" ")
    if prefix.startswith(PREFIXES):
        prefix_zone = prefix.split("=", 1)[1]
        if zone is not None and zone != prefix_zone:
            raise InputError(
                f"--time-zone {zone}: --cron already names {prefix_zone}. Pass only one."
            )
        zone, fields = prefix_zone, rest
    fields = " ".join(fields.split())
    zone = "UTC" if zone is None else zone
    find_zone(zone)
    count = len(fields.split())
    if count != NUM_FIELDS:
        raise InputError(
            f'--cron "{fields}": {count} {"field" if count == 1 else "fields"} instead of '
            f"{NUM_FIELDS}. Write minute, hour, day of month, month, day of week, for example "
            f'"0 3 * * 1" for Mondays at 3:00.'
        )
    for sign, meaning in UNSUPPORTED.items():
        if any(sign in part.replace("JUL", "") for part in fields.upper().split()):
            raise InputError(f'--cron "{fields}": Vertex AI does not support "{sign}" ({meaning}).')
    try:
        CronSim(fields, datetime.min)
    except CronSimError as error:
        reason = str(error)[:1].lower() + str(error)[1:]
        raise InputError(f'--cron "{fields}": {reason}. See `man 5 crontab`.') from error
    return Cron(fields, zone)


def find_zone(name: str) -> "ZoneInfo":
    """Return a time zone by its IANA name.

    Raises:
        InputError: there is no such zone; suggests the closest name.
    """
    import difflib
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
        close = difflib.get_close_matches(name, available_timezones())
        hint = f"Did you mean {close[0]}?" if close else "Write it as Europe/Berlin or UTC."
        raise InputError(f"--time-zone {name}: there is no such time zone. {hint}") from error


def read_time(text: str | None, zone: str, option: str) -> datetime | None:
    """Read a date, or a date and time; without a UTC offset it is in the schedule's zone.

    Raises:
        InputError: the text is not in ISO 8601 form.
    """
    if text is None:
        return None
    try:
        time = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise InputError(
            f"{option} {text}: write it as 2027-01-31 or 2027-01-31T03:00 (in {zone}), or with "
            f"an offset, for example 2027-01-31T03:00+01:00."
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=find_zone(zone))


def format_in_zone(time: datetime, zone: str) -> str:
    """Format a time in a zone, for example "Mon 2027-03-15 03:00 CET"."""
    return f"{time.astimezone(find_zone(zone)):%a %Y-%m-%d %H:%M %Z}"


def format_both(time: datetime, zone: str) -> str:
    """Format a time in a zone and in UTC."""
    return f"{format_in_zone(time, zone)}  =  {time.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
