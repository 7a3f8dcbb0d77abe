"""The plan's times are figures that a person can read."""

import pytest

from pipelines.plan.command import _format_hours


@pytest.mark.parametrize(
    ("hours", "text"),
    [
        (0, "< 1 s"),
        (0.9 / 3600, "< 1 s"),
        (1 / 60, "1 min"),
        (72, "3.0 days"),
        (1e8, "11,408 years"),
    ],
)
def test_a_time_is_readable(hours: float, text: str) -> None:
    assert _format_hours(hours) == text
