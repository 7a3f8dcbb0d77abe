"""Names of counters."""

from core.counter_names import counter_sort_key, name_counter


def test_an_unknown_counter_keeps_its_name() -> None:
    assert name_counter("new_skip") == "new skip"
    assert sorted(["zeta", "instances", "alpha", "files"], key=counter_sort_key) == [
        "files", "instances", "alpha", "zeta",
    ]  # fmt: skip
