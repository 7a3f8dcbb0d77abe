"""Read the parameters that a compiled spec declares, and check the values given for them."""

import contextlib
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.vertex_trainer.overrides import OVERRIDES, Value, override
from core.errors import InputError
from core.plain_yaml import whole_number
from trainer.settings.training import TrainingSettings

TYPES: dict[str, type[int] | type[float] | type[str]] = {
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": float,
    "STRING": str,
}
TYPE_NAMES = {int: "an integer", float: "a number", str: "a text"}
# These would end a JSON string or start a placeholder where the value is inserted into one.
UNSAFE = ('"', "\\", "\n", "{{")


class ParameterError(InputError):
    """A parameter value is missing, unknown or wrong."""


@dataclass(frozen=True)
class SpecParameter:
    """A parameter of a compiled spec, to which a submission may give a value."""

    name: str
    type: type[int] | type[float] | type[str]
    description: str
    default: Value | None = None  # None: a value is required


def read_parameters(spec: Mapping[str, Any]) -> tuple[SpecParameter, ...]:
    """Return the parameters that a compiled spec declares, by name."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return tuple(_read_parameter(name, definition) for name, definition in sorted(declared.items()))


def _read_parameter(name: str, definition: Mapping[str, Any]) -> SpecParameter:
    kind = TYPES[definition["parameterType"]]
    default = definition.get("defaultValue")
    return SpecParameter(
        name, kind, definition.get("description", ""), None if default is None else kind(default)
    )


def check_values(spec: Mapping[str, Any], values: Mapping[str, str | Value]) -> dict[str, Value]:
    """Check the values of a submission before anything is sent, and report all errors at once.

    Args:
        spec: the compiled spec, parsed.
        values: by parameter name; strings, as from a command line, are parsed.

    Returns:
        The given values by name, converted to the type of the parameter.

    Raises:
        ParameterError: a value is unknown, missing, of another type, or invalid for training.
    """
    parameters = {parameter.name: parameter for parameter in read_parameters(spec)}
    problems = [
        _explain_unknown(name, list(parameters)) for name in values if name not in parameters
    ]
    problems += [
        f"parameter {p.name} is missing: {p.description} Pass it as {p.name}=VALUE."
        for p in parameters.values()
        if p.default is None and p.name not in values
    ]
    converted: dict[str, Value] = {}
    for name in values.keys() & parameters.keys():
        try:
            converted[name] = _convert(parameters[name], values[name])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError("\n".join(sorted(problems)))
    settings = training_settings(spec)
    if settings is not None:
        override(settings, {name: v for name, v in converted.items() if name in OVERRIDES})
    return {name: converted[name] for name in sorted(converted)}


def _explain_unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Its parameters: {', '.join(known)}."
    return f"parameter {name}: the spec has no such parameter. {remedy}"


def _convert(parameter: SpecParameter, value: str | Value) -> Value:
    converted: Value | None = None
    with contextlib.suppress(ValueError):
        converted = None if isinstance(value, bool) else _parse(parameter.type, value)
    if converted is None or (parameter.type is int and converted != float(value)):
        kind = TYPE_NAMES[parameter.type]
        raise ValueError(f"parameter {parameter.name}: {value!r} is not {kind}.")
    for sign in UNSAFE:
        if isinstance(converted, str) and sign in converted:
            raise ValueError(f"parameter {parameter.name}: {sign!r} is not allowed in it.")
    return converted


def _parse(kind: type[int] | type[float] | type[str], value: str | Value) -> Value:
    return whole_number(value) if kind is int and isinstance(value, str) else kind(value)


def training_settings(spec: Mapping[str, Any]) -> TrainingSettings | None:
    """Return the Trainer's settings as the recipe has them; None if the spec has no Trainer."""
    for component in spec["components"].values():
        tasks = component.get("dag", {}).get("tasks", {})
        config = _constant(tasks.get("Trainer", {}), "custom_config")
        if config is not None:
            return TrainingSettings.model_validate_json(json.loads(config)["training"])
    return None


def _constant(task: Mapping[str, Any], name: str) -> Any:
    parameter = task.get("inputs", {}).get("parameters", {}).get(name, {})
    return parameter.get("runtimeValue", {}).get("constant")
