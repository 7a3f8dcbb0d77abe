"""Suggestions in error messages."""

import pytest

from core.errors import did_you_mean


@pytest.mark.parametrize(
    ("word", "expected"),
    [("trainer", " Did you mean Trainer?"), ("Pushr", " Did you mean Pusher?"), ("zebra", "")],
)
def test_the_closest_name_is_suggested_ignoring_case(word: str, expected: str) -> None:
    assert did_you_mean(word, ["Trainer", "Pusher"]) == expected
