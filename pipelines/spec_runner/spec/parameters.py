"""Resolve the pipeline's parameters from `--param name=value` and the spec's defaults."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from core.errors import did_you_mean
from core.plain_yaml import whole_number
from pipelines.spec_runner.spec.errors import SpecError

Values = dict[str, Any]


def resolve_parameters(
    definitions: Mapping[str, Any],
    arguments: Sequence[str],
    job_values: Mapping[str, Any],
    fallbacks: Mapping[str, str],
) -> Values:
    """Return the value of every parameter.

    Args:
        definitions: input parameters of the root (`ComponentInputsSpec.ParameterSpec`).
        arguments: "name=value" each; a list or struct is written as JSON.
        job_values: values in the file itself, if it is a PipelineJob.
        fallbacks: for required strings that name something in the cloud, such as the project.

    Raises:
        SpecError: a name is unknown, a value has the wrong type, or a required one is missing.
    """
    texts = dict(_split(text) for text in arguments)
    unknown = [name for name in (*texts, *job_values) if name not in definitions]
    if unknown:
        names = ", ".join(sorted(definitions)) or "none"
        raise SpecError(
            "\n".join(
                f"--param {name}: the pipeline has no such parameter."
                f"{did_you_mean(name, definitions)} Its parameters: {names}."
                for name in unknown
            )
        )
    values: Values = {}
    missing: list[str] = []
    for name, definition in definitions.items():
        if name in texts:
            values[name] = _parse(name, texts[name], definition.parameter_type)
        elif name in job_values:
            values[name] = job_values[name]
        elif definition.HasField("default_value"):
            values[name] = typed(plain(definition.default_value), definition.parameter_type)
        elif name in fallbacks and definition.parameter_type == pb.ParameterType.STRING:
            values[name] = fallbacks[name]
        elif not definition.is_optional:
            missing.append(name)
    if missing:
        names = "; ".join(_described(name, definitions[name]) for name in missing)
        raise SpecError(f"Missing parameters: {names}. Set each with --param {missing[0]}=…")
    return values


def plain(value: Any) -> Any:
    """Convert a `google.protobuf.Value` to a Python value."""
    return json_format.MessageToDict(value)


def typed(value: Any, parameter_type: int) -> Any:
    """Convert a number to int if the parameter is an integer; protobuf stores all as doubles."""
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    if is_number and parameter_type == pb.ParameterType.NUMBER_INTEGER:
        return int(value)
    return value


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SpecError(f"--param {text}: write it as name=value.")
    return name.strip(), value


def _described(name: str, definition: Any) -> str:
    return f"{name} ({definition.description})" if definition.description else name


def _parse(name: str, text: str, parameter_type: int) -> Any:
    kind = pb.ParameterType.ParameterTypeEnum.Name(parameter_type)
    parse, description = _PARSERS.get(kind, (str, "text"))
    try:
        return parse(text)
    except ValueError as error:
        raise SpecError(f"--param {name}={text}: not {description}.") from error


def _parse_bool(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError as error:
        raise ValueError(text) from error


def _json_parser(kind: type) -> Callable[[str], Any]:
    def parse(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return parse


_PARSERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "NUMBER_INTEGER": (whole_number, "a whole number"),
    "NUMBER_DOUBLE": (float, "a number"),
    "BOOLEAN": (_parse_bool, "true or false"),
    "LIST": (_json_parser(list), "a list in JSON, such as [1, 2]"),
    "STRUCT": (_json_parser(dict), 'an object in JSON, such as {"a": 1}'),
}
