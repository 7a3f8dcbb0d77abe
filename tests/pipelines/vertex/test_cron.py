"""Tests of cron lines: what Vertex AI accepts, in every zone, across daylight saving time."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InputError
from pipelines.vertex.schedule.cron import (
    Cron,
    Timing,
    TimingOptions,
    find_zone,
    format_both,
    read_cron,
    read_time,
    read_timing,
)


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
        ("0 3 31 2 *", None, "bad day"),
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


def test_earlier_times_are_listed_back_to_the_start() -> None:
    cron = read_cron("0 3 * * 1", "Asia/Seoul")
    zone = find_zone("Asia/Seoul")
    start, now = datetime(2027, 1, 11, 3, tzinfo=zone), datetime(2027, 1, 25, 3, tzinfo=zone)
    due = [datetime(2027, 1, day, 3, tzinfo=zone) for day in (18, 11)]
    assert cron.previous_runs(5, start, now.astimezone(UTC)) == due
    assert cron.previous_runs(1, start, now) == due[:1]


def test_no_run_starts_after_the_end() -> None:
    cron = read_cron("0 3 * * 1", "UTC")
    start = datetime(2027, 1, 1, tzinfo=UTC)
    times = cron.next_runs(5, start=start, end=datetime(2027, 1, 12, tzinfo=UTC))
    assert [time.day for time in times] == [4, 11]


@pytest.fixture
def machine_in_new_york(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "America/New_York")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("machine_in_new_york")
def test_a_time_without_offset_is_in_the_schedules_zone() -> None:
    time = read_time("2027-07-01T03:00", "Asia/Seoul", "--start")
    assert time is not None
    assert format_both(time, "Asia/Seoul") == "Thu 2027-07-01 03:00 KST  =  2027-06-30 18:00 UTC"
    assert read_time("2027-07-01T03:00Z", "Asia/Seoul", "--start") == datetime(
        2027, 7, 1, 3, tzinfo=UTC
    )


def test_the_earliest_time_is_now_or_the_start() -> None:
    cron = read_cron("* * * * *", "Asia/Seoul")
    before = datetime.now(UTC)
    (run,) = cron.next_runs(1, start=datetime(2020, 1, 1, tzinfo=UTC))
    assert timedelta(0) < run - before < timedelta(minutes=2)
    assert run.utcoffset() == timedelta(hours=9)
    start = datetime(2127, 1, 1, 3, tzinfo=UTC)
    assert cron.next_runs(2, start=start) == [start + timedelta(minutes=n) for n in (1, 2)]
    end = start + timedelta(minutes=1)
    assert cron.next_runs(2, start=start, end=end) == [end], "the end itself is in time"


@pytest.mark.parametrize(
    ("text", "zone", "message"),
    [
        (
            "TZ=UTC 0 3 * * 1",
            "Europe/Berlin",
            "--time-zone Europe/Berlin: --cron already names UTC. Pass only one.",
        ),
        (
            "0 3 * *",
            None,
            '--cron "0 3 * *": 4 fields instead of 5. Write minute, hour, day of month, month, day '
            'of week, for example "0 3 * * 1" for Mondays at 3:00.',
        ),
        (
            "0  3 * * mon#2",
            None,
            '--cron "0 3 * * mon#2": Vertex AI does not support "#" (weekdays of a month).',
        ),
        ("0 3 l * *", None, '--cron "0 3 l * *": Vertex AI does not support "L" (last days).'),
        ("0 3 * * @", None, '--cron "0 3 * * @": Vertex AI does not support "@" (named times).'),
        ("61 3 * * *", None, '--cron "61 3 * * *": bad minute. See `man 5 crontab`.'),
        ("0 3 30-31 2 *", None, '--cron "0 3 30-31 2 *": bad day-of-month. See `man 5 crontab`.'),
        (
            "TZ=UTC=x 0 3 * * 1",
            None,
            "--time-zone UTC=x: there is no such time zone. Did you mean UTC?",
        ),
        (
            "0 3 * * *",
            "Europe/Berlim",
            "--time-zone Europe/Berlim: there is no such time zone. Did you mean Europe/Berlin?",
        ),
        (
            "0 3 * * *",
            "?",
            "--time-zone ?: there is no such time zone. Write it as Europe/Berlin or UTC.",
        ),
    ],
)
def test_a_message_says_what_is_wrong_and_what_to_do(
    text: str, zone: str | None, message: str
) -> None:
    with pytest.raises(InputError) as refused:
        read_cron(text, zone)
    assert str(refused.value) == message


def test_the_same_zone_may_be_named_twice() -> None:
    assert read_cron("TZ=Asia/Seoul 0 3 * * 1", "Asia/Seoul") == Cron("0 3 * * 1", "Asia/Seoul")


def test_a_time_in_no_form_is_refused_with_its_option() -> None:
    with pytest.raises(InputError) as refused:
        read_time("soon", "Asia/Seoul", "--end")
    assert str(refused.value) == (
        "--end soon: write it as 2027-01-31 or 2027-01-31T03:00 (in Asia/Seoul), or with an "
        "offset, for example 2027-01-31T03:00+01:00."
    )
    assert read_time(None, "UTC", "--end") is None


@pytest.mark.parametrize(
    ("fields", "given_zone", "zone"),
    [
        ("0 3 * * 1", None, "Europe/Berlin"),  # the schedule keeps its own
        ("0 3 * * 1", "Asia/Seoul", "Asia/Seoul"),
        ("TZ=Asia/Seoul 0 3 * * 1", None, "Asia/Seoul"),
        (" CRON_TZ=Asia/Seoul 0 3 * * 1", None, "Asia/Seoul"),
    ],
)
def test_times_are_in_the_zone_of_the_line(fields: str, given_zone: str | None, zone: str) -> None:
    options = TimingOptions(
        time_zone=given_zone, start="2027-01-01", end="2027-02-01T04:00", max_runs=7,
        max_concurrent=2, queue=True,
    )  # fmt: skip
    here = find_zone(zone)
    assert read_timing(fields, options, "Europe/Berlin") == Timing(
        cron=Cron("0 3 * * 1", zone), start=datetime(2027, 1, 1, tzinfo=here),
        end=datetime(2027, 2, 1, 4, tzinfo=here), max_runs=7, max_concurrent=2, queue=True,
    )  # fmt: skip


def test_without_a_line_times_are_in_the_zone_of_the_schedule() -> None:
    timing = read_timing(None, TimingOptions(start="2027-01-01"), "Asia/Seoul")
    assert timing == Timing(start=datetime(2027, 1, 1, tzinfo=find_zone("Asia/Seoul")))
    with pytest.raises(InputError, match=r"^--start x: "):
        read_timing(None, TimingOptions(start="x"), "UTC")
    with pytest.raises(InputError, match=r"^--end x: .*\(in UTC\)"):
        read_timing(None, TimingOptions(end="x"), "UTC")
    with pytest.raises(InputError, match="already names UTC"):
        read_timing("TZ=UTC 0 3 * * 1", TimingOptions(time_zone="Asia/Seoul"), "UTC")


@given(st.text(alphabet="0123456789*/,-LW#?@MONJANTZ= \t", max_size=24))
def test_any_line_is_accepted_or_refused_with_a_sentence(text: str) -> None:
    try:
        cron = read_cron(text, None)
    except InputError as error:
        assert str(error).startswith("--")
    else:
        assert cron.next_runs(1)
