"""Formatting of numbers, sizes and times."""

import pytest

from core.format_numbers import (
    format_compact,
    format_duration,
    format_flop,
    format_moment,
    format_number,
    format_percent,
    format_size,
)


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, "0"), (1234567, "1,234,567"), (12.345, "12.35"), (1000.0, "1,000.00")],
)
def test_numbers_are_grouped(value: float, expected: str) -> None:
    assert format_number(value) == expected


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
    assert format_compact(value) == expected


@pytest.mark.parametrize(("value", "expected"), [(12, "12 B"), (4200, "4.2 kB"), (3.4e6, "3.4 MB")])
def test_bytes_have_a_unit(value: float, expected: str) -> None:
    assert format_size(value) == expected


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
    assert format_percent(value) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(4.16, "4.2 s"), (59.9, "59.9 s"), (61, "1 min"), (3599, "1 h 00 min"), (11100, "3 h 05 min")],
)
def test_durations_have_a_unit(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


def test_moments_are_utc() -> None:
    assert format_moment(0) == "1970-01-01 00:00:00"


@pytest.mark.parametrize(
    ("value", "expected"),
    [(950.0, "950 FLOP"), (4.71e12, "4.71 TFLOP"), (1.92e21, "1.92 ZFLOP"), (5e25, "50 YFLOP")],
)
def test_floating_point_operations_have_a_unit(value: float, expected: str) -> None:
    assert format_flop(value) == expected
