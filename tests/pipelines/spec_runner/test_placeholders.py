"""What `{{$.…}}` becomes: each value as it is, and everything else untouched."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.spec.placeholders import resolve, resolve_arguments, written

NAMES = st.from_regex(r"[a-zA-Z_][a-zA-Z0-9_-]{0,20}", fullmatch=True)
PLAIN = st.text(max_size=40).filter(lambda text: "{{$" not in text)
NUMBERS = st.integers(-(10**15), 10**15) | st.floats(
    allow_nan=False, allow_infinity=False, min_value=-1e20, max_value=1e20
)


def tree(parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    inputs = {"parameters": parameters, "artifacts": more.pop("artifacts", {})}
    return {"inputs": inputs, "executor_input": {"inputs": inputs}, **more}


@given(NAMES, st.text(max_size=60), PLAIN, PLAIN)
def test_a_text_parameter_stands_where_its_placeholder_stood(
    name: str, value: str, before: str, after: str
) -> None:
    asked = f"{before}{{{{$.inputs.parameters['{name}']}}}}{after}"
    assert resolve(asked, tree({name: value})) == before + value + after


@given(PLAIN)
def test_text_without_a_placeholder_stays(text: str) -> None:
    assert resolve(text, tree({})) == text


@given(NUMBERS)
def test_a_number_is_written_so_that_it_reads_back_the_same(number: float) -> None:
    text = written(number)
    assert float(text) == number
    assert "e" not in text.lower()
    assert not text.endswith(".0")


@given(st.recursive(st.none() | st.booleans() | st.text(max_size=5) | st.integers(), st.lists))
def test_the_whole_input_and_structures_are_json(value: Any) -> None:
    told = tree({"x": [value]})
    assert json.loads(resolve("{{$}}", told)) == told["executor_input"]
    assert json.loads(resolve("{{$.inputs.parameters['x']}}", told)) == [value]


@given(st.text(max_size=60))
def test_json_escape_fits_a_text_into_json(value: str) -> None:
    asked = '{"told": "{{$.inputs.parameters[\'x\'].json_escape[1]}}"}'
    assert json.loads(resolve(asked, tree({"x": value}))) == {"told": value}


def test_a_value_that_looks_like_a_placeholder_is_not_resolved_again() -> None:
    told = tree({"x": "{{$.inputs.parameters['y']}}", "y": "secret"})
    assert resolve("{{$.inputs.parameters['x']}}", told) == "{{$.inputs.parameters['y']}}"


@pytest.mark.parametrize(
    ("asked", "expected"),
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
def test_every_kind_of_placeholder(asked: str, expected: str) -> None:
    data = {"data": {"uri": "/in/data", "metadata": {"span": 3.0}}}
    parameters = {"on": True, "rate": 1e-5, "steps": 8.0}
    assert resolve(asked, tree(parameters, artifacts=data, pipeline_job_name="small-1")) == expected


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
    ("asked", "told"),
    [
        ("{{$.inputs.parameters['stepz']}}", "'stepz', and there is steps"),
        ("{{$.inputs.artifacts['x'].uri}}", "'x', and there is none"),
        ("{{$.inputs parameters}}", "cannot be read from"),
    ],
)
def test_a_placeholder_that_leads_nowhere_is_an_error(asked: str, told: str) -> None:
    with pytest.raises(SpecError, match=told):
        resolve(asked, tree({"steps": 1}))
