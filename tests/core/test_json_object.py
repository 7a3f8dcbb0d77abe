"""JSON objects are read and checked, and nested facts are flattened."""

from pathlib import Path

import pytest

from components.records import RecordError
from core.json_object import flatten_facts, parse_object, read_json


def test_facts_are_flattened_by_dots() -> None:
    assert flatten_facts({"b": {"y": 1, "x": "s"}, "a": None}) == {
        "a": "null",
        "b.x": "s",
        "b.y": "1",
    }


def test_a_list_is_a_value_and_text_has_no_quotes() -> None:
    assert flatten_facts([1, "a"], "x") == {"x": '[1, "a"]'}
    assert flatten_facts("text", "x") == {"x": "text"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"{", "not JSON (Expecting property name"),
        (b"\xff", "not JSON ('utf-8' codec"),
        (b"[" * 100_000, "not JSON ("),
        (b"[1]", "not a JSON object. Get the file from its source again."),
    ],
)
def test_what_is_no_object_is_refused_with_its_path(content: bytes, problem: str) -> None:
    with pytest.raises(RecordError) as refused:
        parse_object(content, "some/config.json", RecordError)
    assert str(refused.value).startswith(f"some/config.json: {problem}")
    assert str(refused.value).endswith("Get the file from its source again.")


def test_an_object_is_parsed() -> None:
    assert parse_object(b'{"a": [1]}', "x", RecordError) == {"a": [1]}


def test_a_small_file_is_read_or_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    assert read_json(path) == read_json(str(path)) == {}
    for content in (b"{", b"[1]"):
        path.write_bytes(content)
        assert read_json(path) == {}
    path.write_bytes(b'{"a": 1}')
    assert read_json(path) == {"a": 1}
