"""`--param k=v` and the spec's defaults to the pipeline's parameters."""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from pipelines.spec_runner.errors import SpecError

Values = dict[str, Any]


def settle_parameters(
    definitions: Mapping[str, Any],
    given: Sequence[str],
    job_values: Mapping[str, Any],
    stand_ins: Mapping[str, str],
) -> Values:
    """The value of every parameter.

    Args:
        definitions: the root's input parameters (`ComponentInputsSpec.ParameterSpec`).
        given: "name=value" each; a list or struct is written as JSON.
        job_values: what the file itself sets, if it is a PipelineJob.
        stand_ins: for required texts that name a place in the cloud, which does not matter here.

    Raises:
        SpecError: a name is unknown, a value is of another type, or a required one is missing.
    """
    texts = dict(_split(text) for text in given)
    unknown = [name for name in (*texts, *job_values) if name not in definitions]
    if unknown:
        raise SpecError("\n".join(_unknown(name, list(definitions)) for name in unknown))
    values: Values = {}
    missing: list[str] = []
    for name, definition in definitions.items():
        if name in texts:
            values[name] = _read(name, texts[name], definition.parameter_type)
        elif name in job_values:
            values[name] = job_values[name]
        elif definition.HasField("default_value"):
            values[name] = typed(plain(definition.default_value), definition.parameter_type)
        elif name in stand_ins and definition.parameter_type == pb.ParameterType.STRING:
            values[name] = stand_ins[name]
        elif not definition.is_optional:
            missing.append(name)
    if missing:
        told = "; ".join(_described(name, definitions[name]) for name in missing)
        raise SpecError(f"Without a value: {told}. Give each as --param {missing[0]}=…")
    return values


def plain(value: Any) -> Any:
    """A `google.protobuf.Value` as Python has it."""
    from google.protobuf import json_format

    return json_format.MessageToDict(value)


def typed(value: Any, parameter_type: int) -> Any:
    """A number as an int where the parameter is one; protobuf keeps all numbers as doubles."""
    is_number = isinstance(value, float | int) and not isinstance(value, bool)
    if is_number and parameter_type == pb.ParameterType.NUMBER_INTEGER:
        return int(value)
    return value


def _split(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise SpecError(f"--param {text}: write it as name=value.")
    return name.strip(), value


def _unknown(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f" Did you mean {near[0]}?" if near else ""
    return (
        f"--param {name}: the pipeline has no such parameter.{hint} "
        f"It has: {', '.join(sorted(known)) or 'none'}."
    )


def _described(name: str, definition: Any) -> str:
    return f"{name} ({definition.description})" if definition.description else name


def _read(name: str, text: str, parameter_type: int) -> Any:
    kind = pb.ParameterType.ParameterTypeEnum.Name(parameter_type)
    read, example = _READERS.get(kind, (str, "text"))
    try:
        return read(text)
    except ValueError as error:
        raise SpecError(f"--param {name}={text}: not {example}.") from error


def _truth(text: str) -> bool:
    try:
        return {"true": True, "false": False}[text.lower()]
    except KeyError as error:
        raise ValueError(text) from error


def _json_of(kind: type) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        value = json.loads(text)
        if not isinstance(value, kind):
            raise ValueError(text)
        return value

    return read


_READERS: dict[str, tuple[Callable[[str], Any], str]] = {
    "NUMBER_INTEGER": (int, "a whole number"),
    "NUMBER_DOUBLE": (float, "a number"),
    "BOOLEAN": (_truth, "true or false"),
    "LIST": (_json_of(list), "a list in JSON, as [1, 2]"),
    "STRUCT": (_json_of(dict), 'an object in JSON, as {"a": 1}'),
}
