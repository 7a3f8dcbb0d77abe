"""Numbers and facts in words."""

import pytest

from core.wording import compact, counter_name, counter_order, flatten, number, percent, size


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (1234567, "1,234,567"), (12.345, "12.35"), (1000.0, "1,000.00")]
)
def test_numbers_are_grouped(value: float, said: str) -> None:
    assert number(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [(0, "0"), (999, "999"), (1000, "1k"), (1234, "1.23k"), (999_600, "1M"), (2.5e9, "2.5G")],
)
def test_compact_numbers_have_three_digits_at_most(value: float, said: str) -> None:
    assert compact(value) == said


@pytest.mark.parametrize(("value", "said"), [(12, "12 B"), (4200, "4.2 kB"), (3.4e6, "3.4 MB")])
def test_bytes_have_a_unit(value: float, said: str) -> None:
    assert size(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "–"),
        (0, "0.0 %"),
        (0.0042, "0.42 %"),
        (0.00001, "< 0.01 %"),
        (0.15, "15.0 %"),
        (1, "100.0 %"),
    ],
)
def test_shares_are_per_cent(value: float | None, said: str) -> None:
    assert percent(value) == said


def test_a_counter_that_is_not_known_keeps_its_name() -> None:
    assert counter_name("new_skip") == "new skip"
    assert sorted(["zeta", "instances", "alpha", "files"], key=counter_order) == [
        "files", "instances", "alpha", "zeta",
    ]  # fmt: skip


def test_facts_are_flattened_by_dots() -> None:
    assert flatten({"b": {"y": 1, "x": "s"}, "a": None}) == {"a": "null", "b.x": "s", "b.y": "1"}
