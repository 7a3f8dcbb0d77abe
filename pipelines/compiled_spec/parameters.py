"""Read the parameters that a compiled spec declares, and check the values given for them."""

import contextlib
import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from components.vertex_trainer.overrides import OVERRIDES, Value, override
from core.errors import InputError
from trainer.settings.training import TrainingSettings

TYPES: dict[str, type[int] | type[float] | type[str]] = {
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": float,
    "STRING": str,
}
# Signs that would end a JSON string, or begin a placeholder, where a value is put into one.
UNSAFE = ('"', "\\", "\n", "{{")


class ParameterError(InputError):
    """A value of a submission that is missing, unknown or wrong."""


@dataclass(frozen=True)
class Parameter:
    """One value that a submission may give."""

    name: str
    type: type[int] | type[float] | type[str]
    description: str
    default: Value | None = None  # None: it has to be given


def read_parameters(spec: Mapping[str, Any]) -> tuple[Parameter, ...]:
    """The parameters that a compiled spec declares."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return tuple(_read(name, definition) for name, definition in sorted(declared.items()))


def check_values(spec: Mapping[str, Any], given: Mapping[str, str | Value]) -> dict[str, Value]:
    """Checks the values of a submission, all at once, before anything is sent.

    Args:
        spec: the compiled spec, parsed.
        given: by name; texts, as from a command line, are read as the parameter's type.

    Returns:
        The values by name, typed; those left out are not in it.

    Raises:
        ParameterError: unknown, missing, of another type, or not to be trained with.
    """
    known = {parameter.name: parameter for parameter in read_parameters(spec)}
    wrong = [_unknown(name, list(known)) for name in given if name not in known]
    wrong += [
        f"parameter {p.name} is missing: {p.description} Give it as {p.name}=…"
        for p in known.values()
        if p.default is None and p.name not in given
    ]
    values: dict[str, Value] = {}
    for name in given.keys() & known.keys():
        try:
            values[name] = _typed(known[name], given[name])
        except ValueError as error:
            wrong.append(str(error))
    if wrong:
        raise ParameterError("\n".join(sorted(wrong)))
    _check_training(spec, values)
    return {name: values[name] for name in sorted(values)}


def _read(name: str, definition: Mapping[str, Any]) -> Parameter:
    kind = TYPES[definition["parameterType"]]
    default = definition.get("defaultValue")
    return Parameter(
        name, kind, definition.get("description", ""), None if default is None else kind(default)
    )


def _typed(parameter: Parameter, value: str | Value) -> Value:
    typed: Value | None = None
    with contextlib.suppress(ValueError):
        typed = None if isinstance(value, bool) else parameter.type(value)
    if typed is None or (parameter.type is int and typed != float(value)):
        kind = {int: "a whole number", float: "a number", str: "a text"}[parameter.type]
        raise ValueError(f"parameter {parameter.name}: {value!r} is not {kind}.")
    for sign in UNSAFE:
        if isinstance(typed, str) and sign in typed:
            raise ValueError(f"parameter {parameter.name}: {sign!r} must not be in it.")
    return typed


def _check_training(spec: Mapping[str, Any], values: Mapping[str, Value]) -> None:
    settings = training_settings(spec)
    if settings is not None:
        override(settings, {name: value for name, value in values.items() if name in OVERRIDES})


def training_settings(spec: Mapping[str, Any]) -> TrainingSettings | None:
    """The Trainer's settings within a spec, as its recipe has them; None if it has no Trainer."""
    for component in spec["components"].values():
        tasks = component.get("dag", {}).get("tasks", {})
        config = _constant(tasks.get("Trainer", {}), "custom_config")
        if config is not None:
            return TrainingSettings.model_validate_json(json.loads(config)["training"])
    return None


def _constant(task: Mapping[str, Any], name: str) -> Any:
    parameter = task.get("inputs", {}).get("parameters", {}).get(name, {})
    return parameter.get("runtimeValue", {}).get("constant")


def _unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Known: {', '.join(known)}."
    return f"parameter {name}: the spec has none of this name. {remedy}"
