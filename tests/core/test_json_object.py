"""Flattening of nested facts."""

from core.json_object import flatten_facts


def test_facts_are_flattened_by_dots() -> None:
    assert flatten_facts({"b": {"y": 1, "x": "s"}, "a": None}) == {
        "a": "null",
        "b.x": "s",
        "b.y": "1",
    }
