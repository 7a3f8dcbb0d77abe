"""Replace `{{$.…}}` placeholders in commands and constants by the values of one execution."""

import decimal
import json
import re
from collections.abc import Mapping
from typing import Any

from pipelines.spec_runner.spec.errors import SpecError

# A placeholder has "}}" only at its end: its keys are names of parameters and artifacts.
PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_STEP = re.compile(
    r"\.(?P<name>\w+)(?:\[(?P<times>\d+)\])?|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
)
ESCAPE = "json_escape"  # {{$.json_escape[N]}} escapes a string for N layers of JSON
# kfp writes an optional or a concatenated argument as JSON in a single argument.
_STRUCTURES = ("IfPresent", "Concat")

Tree = Mapping[str, Any]


def resolve(text: str, tree: Tree) -> str:
    """Replace every placeholder.

        tree = {"inputs": {"parameters": {"steps": 8}}}
        "--steps={{$.inputs.parameters['steps']}}" -> "--steps=8"

    Args:
        text: a command's argument, or a constant.
        tree: the value of `$`. A bare `{{$}}` becomes `tree["executor_input"]` as JSON.

    Raises:
        SpecError: a placeholder refers to something that does not exist.
    """
    return PLACEHOLDER.sub(lambda match: _value(match.group(1), tree), text)


def resolve_arguments(arguments: list[str], tree: Tree) -> list[str]:
    """Replace the placeholders of a command, and expand kfp's IfPresent and Concat."""
    resolved: list[str] = []
    for argument in arguments:
        structure = _structure(argument)
        resolved += [resolve(argument, tree)] if structure is None else _expand(structure, tree)
    return resolved


def format_value(value: Any) -> str:
    """Format a value as Vertex AI does in a command: 8.0 becomes 8, and 1e-05 becomes 0.00001."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        number = decimal.Decimal(repr(value))
        return format(number.quantize(1) if number == number.to_integral() else number, "f")
    return json.dumps(value, ensure_ascii=False)


def _value(path: str, tree: Tree) -> str:
    value: Any = tree
    escapes = 0
    rest = path.strip()
    if not rest:
        return json.dumps(tree["executor_input"], ensure_ascii=False)
    while rest:
        step = _STEP.match(rest)
        if step is None:
            raise SpecError(f"The placeholder {{{{${path}}}}} cannot be read from {rest!r} on.")
        rest = rest[step.end() :]
        if step["name"] == ESCAPE:
            escapes += int(step["times"] or 1)
            continue
        key = step["name"] or step["key"]
        if not isinstance(value, Mapping) or key not in value:
            known = ", ".join(map(str, value)) if isinstance(value, Mapping) else "nothing"
            raise SpecError(
                f"The placeholder {{{{${path}}}}} refers to {key!r}, which does not exist. "
                f"There is: {known or 'nothing'}."
            )
        value = value[key]
    text = json.dumps(tree["executor_input"]) if value is tree else format_value(value)
    for _ in range(escapes):
        text = json.dumps(text, ensure_ascii=False)[1:-1]
    return text


def _structure(argument: str) -> dict[str, Any] | None:
    if not argument.startswith("{") or argument.startswith("{{"):
        return None
    try:
        content = json.loads(argument)
    except ValueError:
        return None
    is_one = isinstance(content, dict) and len(content) == 1 and next(iter(content)) in _STRUCTURES
    return content if is_one else None


def _expand(structure: Any, tree: Tree) -> list[str]:
    if isinstance(structure, str):
        return [resolve(structure, tree)]
    if isinstance(structure, list):
        return [text for part in structure for text in _expand(part, tree)]
    if "Concat" in structure:
        return ["".join(_expand(structure["Concat"], tree))]
    choice = structure["IfPresent"]
    inputs = tree["inputs"]
    name = choice["InputName"]
    is_present = name in inputs["parameters"] or name in inputs["artifacts"]
    return _expand(choice["Then"] if is_present else choice.get("Else", []), tree)
