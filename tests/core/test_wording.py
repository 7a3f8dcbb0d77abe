"""Formatting of numbers and facts."""

import pytest

from core.wording import (
    compact,
    counter_name,
    counter_order,
    did_you_mean,
    duration,
    flatten,
    moment,
    number,
    percent,
    size,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (1234567, "1,234,567"), (12.345, "12.35"), (1000.0, "1,000.00")],
)
def test_numbers_are_grouped(value: float, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0, "0"),
        (999, "999"),
        (1000, "1k"),
        (1234, "1.23k"),
        (999_600, "1M"),
        (2.5e9, "2.5G"),
        (1.92e21, "1.92Z"),
    ],
)
def test_compact_numbers_have_three_digits_at_most(value: float, expected: str) -> None:
    assert compact(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(12, "12 B"), (4200, "4.2 kB"), (3.4e6, "3.4 MB")])
def test_bytes_have_a_unit(value: float, expected: str) -> None:
    assert size(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (0, "0.0 %"),
        (0.0042, "0.42 %"),
        (0.00001, "< 0.01 %"),
        (0.15, "15.0 %"),
        (1, "100.0 %"),
    ],
)
def test_shares_are_shown_as_percentages(value: float | None, expected: str) -> None:
    assert percent(value) == expected


def test_an_unknown_counter_keeps_its_name() -> None:
    assert counter_name("new_skip") == "new skip"
    assert sorted(["zeta", "instances", "alpha", "files"], key=counter_order) == [
        "files", "instances", "alpha", "zeta",
    ]  # fmt: skip


def test_facts_are_flattened_by_dots() -> None:
    assert flatten({"b": {"y": 1, "x": "s"}, "a": None}) == {"a": "null", "b.x": "s", "b.y": "1"}


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(4.16, "4.2 s"), (59.9, "59.9 s"), (61, "1 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")],
)
def test_durations_have_a_unit(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_moments_are_utc() -> None:
    assert moment(0) == "1970-01-01 00:00:00"


@pytest.mark.parametrize(
    ("word", "expected"),
    [("trainer", " Did you mean Trainer?"), ("Pushr", " Did you mean Pusher?"), ("zebra", "")],
)
def test_the_closest_name_is_suggested_ignoring_case(word: str, expected: str) -> None:
    assert did_you_mean(word, ["Trainer", "Pusher"]) == expected
