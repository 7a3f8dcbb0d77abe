"""Tests of cron lines: what Vertex AI accepts, in every zone, across daylight saving time."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from pipelines.vertex.schedule.cron import format_both, read_cron, read_time


@pytest.mark.parametrize(
    ("text", "zone", "sent"),
    [
        ("0 3 * * 1", None, "TZ=UTC 0 3 * * 1"),
        ("  0   3 * *  MON ", "Asia/Seoul", "TZ=Asia/Seoul 0 3 * * MON"),
        ("TZ=Europe/Berlin 0 3 * * 1", None, "TZ=Europe/Berlin 0 3 * * 1"),
        ("CRON_TZ=America/New_York 1 * * * *", None, "TZ=America/New_York 1 * * * *"),
        ("*/15 0-6,22 1 JUL *", "UTC", "TZ=UTC */15 0-6,22 1 JUL *"),
    ],
)
def test_valid_lines_are_accepted(text: str, zone: str | None, sent: str) -> None:
    assert read_cron(text, zone).text == sent


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        ("@weekly", None, "1 field instead of 5"),
        ("0 0 3 * * 1", None, "6 fields instead of 5"),
        ("0 3 * * 1#2", None, 'does not support "#"'),
        ("0 3 L * *", None, 'does not support "L"'),
        ("0 3 31 2 *", None, "no such day|bad day"),
        ("60 3 * * 1", None, "bad minute"),
        ("TZ=UTC 0 3 * * 1", "Europe/Berlin", "already names UTC"),
        ("0 3 * * 1", "Mars/Olympus", "no such time zone"),
        ("0 3 * * 1", "../../etc/passwd", "no such time zone"),
        ("TZ= 0 3 * * 1", None, "no such time zone"),
    ],
)
def test_invalid_lines_are_refused(text: str, zone: str | None, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_cron(text, zone)


def test_runs_start_at_the_same_local_hour_all_year() -> None:
    start = datetime(2027, 3, 26, tzinfo=UTC)
    times = read_cron("30 6 * * *", "Europe/Berlin").next_runs(4, start=start)
    assert [time.hour for time in times] == [6, 6, 6, 6]
    hours_utc = [time.astimezone(UTC).hour for time in times]
    assert hours_utc == [5, 5, 4, 4]  # summer time began on the 28th


def test_no_run_starts_after_the_end() -> None:
    cron = read_cron("0 3 * * 1", "UTC")
    start = datetime(2027, 1, 1, tzinfo=UTC)
    times = cron.next_runs(5, start=start, end=datetime(2027, 1, 12, tzinfo=UTC))
    assert [time.day for time in times] == [4, 11]


def test_a_time_without_offset_is_in_the_schedules_zone() -> None:
    time = read_time("2027-07-01T03:00", "Asia/Seoul", "--start")
    assert time is not None
    assert format_both(time, "Asia/Seoul") == "Thu 2027-07-01 03:00 KST  =  2027-06-30 18:00 UTC"
    assert read_time("2027-07-01T03:00Z", "Asia/Seoul", "--start") == datetime(
        2027, 7, 1, 3, tzinfo=UTC
    )


@given(st.text(alphabet="0123456789*/,-LW#?@MONJANTZ= \t", max_size=24))
def test_any_line_is_accepted_or_refused_with_a_sentence(text: str) -> None:
    try:
        cron = read_cron(text, None)
    except InputError as error:
        assert str(error).startswith("--")
    else:
        assert cron.next_runs(1)
