"""`{{$.…}}` in commands, arguments and constants, to the values of one execution."""

import decimal
import json
import re
from collections.abc import Mapping
from typing import Any

from pipelines.spec_runner.errors import SpecError

# No placeholder holds "}}" but at its end: keys are names of parameters and artifacts.
PLACEHOLDER = re.compile(r"\{\{\$(.*?)\}\}")
_STEP = re.compile(
    r"\.(?P<name>\w+)(?:\[(?P<times>\d+)\])?|\[(?P<quote>['\"])(?P<key>.*?)(?P=quote)\]"
)
ESCAPE = "json_escape"  # {{$.json_escape[1]}}: as a string inside so many layers of JSON
# kfp writes an optional argument, and one of several pieces, as JSON in a single argument.
_STRUCTURES = ("IfPresent", "Concat")

Tree = Mapping[str, Any]


def resolve(text: str, tree: Tree) -> str:
    """Fills in every placeholder.

        tree = {"inputs": {"parameters": {"steps": 8}}}
        "--steps={{$.inputs.parameters['steps']}}" -> "--steps=8"

    Args:
        text: a command's argument, or a constant.
        tree: what `$` stands for. `{{$}}` itself becomes `tree["executor_input"]` as JSON.

    Raises:
        SpecError: a placeholder leads nowhere.
    """
    return PLACEHOLDER.sub(lambda match: _value(match.group(1), tree), text)


def resolve_arguments(arguments: list[str], tree: Tree) -> list[str]:
    """Fills in the placeholders of a command; kfp's IfPresent and Concat become what they mean."""
    found: list[str] = []
    for argument in arguments:
        structure = _structure(argument)
        found += [resolve(argument, tree)] if structure is None else _expand(structure, tree)
    return found


def written(value: Any) -> str:
    """A value as the text that Vertex AI puts in a command: 8.0 is 8, and 1e-05 is 0.00001."""
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
                f"The placeholder {{{{${path}}}}} asks for {key!r}, and there is {known or 'none'}."
            )
        value = value[key]
    text = json.dumps(tree["executor_input"]) if value is tree else written(value)
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
