"""A cron line and a time zone, checked without asking anybody, to the times that it means."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone, tzinfo
from itertools import islice, takewhile
from typing import TYPE_CHECKING

from core.errors import InputError

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

FIELDS = 5
PREFIXES = ("CRON_TZ=", "TZ=")
# Signs that cronsim reads and unix-cron, which Vertex AI takes, does not.
ELSEWHERE = {"#": "weekdays of a month", "L": "last days", "@": "names of times"}


@dataclass(frozen=True)
class Cron:
    """When a schedule fires."""

    fields: str  # minute, hour, day of month, month, day of week
    zone: str  # of IANA's database, as Europe/Berlin

    @property
    def text(self) -> str:
        """The form that Vertex AI takes."""
        return f"TZ={self.zone} {self.fields}"

    def next_runs(
        self, most: int, *, start: datetime | None = None, end: datetime | None = None
    ) -> list[datetime]:
        """The next times, in the schedule's zone.

        Args:
            most: how many.
            start: not before; now, if it is None.
            end: not after.
        """
        moment = max(start or datetime.min.replace(tzinfo=timezone.utc), datetime.now(timezone.utc))
        times = self._times(moment.astimezone(find_zone(self.zone)))
        return list(islice(takewhile(lambda time: end is None or time <= end, times), most))

    def _times(self, after: datetime) -> Iterator[datetime]:
        from cronsim import CronSim

        return iter(CronSim(self.fields, after))


def read_cron(fields: str, zone: str | None) -> Cron:
    """Checks a cron line.

    Args:
        fields: as "0 3 * * 1"; may begin with TZ=Europe/Berlin, as Vertex AI writes it.
        zone: of IANA's database; UTC, if neither names one.

    Raises:
        InputError: what is wrong with it, and the form.
    """
    from cronsim import CronSim, CronSimError

    prefix, _, rest = fields.strip().partition(" ")
    if prefix.startswith(PREFIXES):
        own = prefix.split("=", 1)[1]
        if zone is not None and zone != own:
            raise InputError(f"--time-zone {zone}: --cron names {own} already. Give one of them.")
        zone, fields = own, rest
    fields = " ".join(fields.split())
    zone = "UTC" if zone is None else zone
    find_zone(zone)
    if len(fields.split()) != FIELDS:
        raise InputError(
            f'--cron "{fields}": {len(fields.split())} fields instead of {FIELDS}. Write minute, '
            f'hour, day of month, month, day of week, as "0 3 * * 1" for Mondays at 3:00.'
        )
    for sign, meaning in ELSEWHERE.items():
        if any(sign in part.replace("JUL", "") for part in fields.upper().split()):
            raise InputError(f'--cron "{fields}": Vertex AI does not know "{sign}" ({meaning}).')
    cron = Cron(fields, zone)
    try:
        following = next(CronSim(fields, datetime.now(find_zone(cron.zone))), None)
    except CronSimError as error:
        raise InputError(
            f'--cron "{fields}": {_lower(str(error))}. See `man 5 crontab`.'
        ) from error
    if following is None:
        raise InputError(f'--cron "{fields}": there is no such day in the next 50 years.')
    return cron


def find_zone(name: str) -> "ZoneInfo":
    """A time zone.

    Raises:
        InputError: no such zone; names the nearest.
    """
    import difflib
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, IsADirectoryError) as error:
        near = difflib.get_close_matches(name, available_timezones(), n=1)
        hint = f" Did you mean {near[0]}?" if near else " Take one as Europe/Berlin or UTC."
        raise InputError(f"--time-zone {name}: there is no such time zone.{hint}") from error


def read_moment(text: str | None, zone: str, option: str) -> datetime | None:
    """A date, or date and time, in the schedule's zone unless it names an offset.

    Raises:
        InputError: not of ISO's form.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
    except ValueError as error:
        raise InputError(
            f"{option} {text}: write it as 2027-01-31 or 2027-01-31T03:00 (in {zone}), or with "
            f"an offset, as 2027-01-31T03:00+01:00."
        ) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=find_zone(zone))


def both_zones(moment: datetime, zone: str) -> str:
    """A moment in the schedule's zone and in UTC."""
    there = moment.astimezone(find_zone(zone))
    return f"{there:%a %Y-%m-%d %H:%M %Z}  =  {_at(moment, timezone.utc)} UTC"


def _at(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:].rstrip(".")
