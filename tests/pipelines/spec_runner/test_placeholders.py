"""Placeholders `{{$.…}}` become their values, and all other text is unchanged."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.placeholders import format_value, resolve, resolve_arguments

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
PLAIN = st.text(max_size=40).filter(lambda text: "{{$" not in text)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(
    allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20
)


def tree(parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    inputs = {"parameters": parameters, "artifacts": more.pop("artifacts", {})}
    return {"inputs": inputs, "executor_input": {"inputs": inputs}, **more}


@given(NAMES, st.text(max_size=60), PLAIN, PLAIN)
def test_a_string_parameter_replaces_its_placeholder(
    name: str, value: str, before: str, after: str
) -> None:
    template = f"{before}{{{{$.inputs.parameters['{name}']}}}}{after}"
    assert resolve(template, tree({name: value})) == before + value + after


@given(PLAIN)
def test_text_without_a_placeholder_is_unchanged(text: str) -> None:
    assert resolve(text, tree({})) == text


@given(NUMBERS)
def test_a_number_is_format_value_so_that_it_reads_back_the_same(number: float) -> None:
    text = format_value(number)
    assert float(text) == number
    assert "e" not in text.lower()
    assert not text.endswith(".0")


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), st.lists))
def test_the_whole_input_and_structures_are_json(value: Any) -> None:
    values = tree({"x": [value]})
    assert json.loads(resolve("{{$}}", values)) == values["executor_input"]
    assert json.loads(resolve("{{$.inputs.parameters['x']}}", values)) == [value]


@given(st.text(max_size=60))
def test_json_escape_fits_a_text_into_json(value: str) -> None:
    template = '{"text": "{{$.inputs.parameters[\'x\'].json_escape[1]}}"}'
    assert json.loads(resolve(template, tree({"x": value}))) == {"text": value}


def test_a_value_that_looks_like_a_placeholder_is_not_resolved_again() -> None:
    values = tree({"x": "{{$.inputs.parameters['y']}}", "y": "secret"})
    assert resolve("{{$.inputs.parameters['x']}}", values) == "{{$.inputs.parameters['y']}}"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{{$.inputs.artifacts['data'].uri}}/x", "/in/data/x"),
        ("{{$.inputs.artifacts['data'].metadata['span']}}", "3"),
        ('{{$.inputs.artifacts["data"].metadata["span"]}}', "3"),
        ("{{$.pipeline_job_name}}", "small-1"),
        ("{{$.inputs.parameters['on']}}", "true"),
        ("{{$.inputs.parameters['rate']}}", "0.00001"),
        ("{{$.inputs.parameters['steps']}}", "8"),
    ],
)
def test_every_kind_of_placeholder(template: str, expected: str) -> None:
    data = {"data": {"uri": "/in/data", "metadata": {"span": 3.0}}}
    parameters = {"on": True, "rate": 1e-5, "steps": 8.0}
    assert (
        resolve(template, tree(parameters, artifacts=data, pipeline_job_name="small-1")) == expected
    )


def test_optional_and_joined_arguments_of_kfp() -> None:
    arguments = [
        json.dumps({"IfPresent": {"InputName": "a", "Then": ["--a", "{{$.inputs.parameters['a']}}"],
                                  "Else": ["--none"]}}),
        json.dumps({"Concat": ["b=", "{{$.inputs.parameters['b']}}"]}),
        '{"plain": "json"}',
    ]  # fmt: skip
    assert resolve_arguments(arguments, tree({"b": 2})) == ["--none", "b=2", '{"plain": "json"}']
    assert resolve_arguments(arguments, tree({"a": 1, "b": 2}))[:2] == ["--a", "1"]


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{$.inputs.parameters['stepz']}}", "'stepz', which does not exist. There is: steps"),
        ("{{$.inputs.artifacts['x'].uri}}", "'x', which does not exist. There is: nothing"),
        ("{{$.inputs parameters}}", "cannot be read from"),
    ],
)
def test_a_placeholder_without_a_value_is_an_error(template: str, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        resolve(template, tree({"steps": 1}))
