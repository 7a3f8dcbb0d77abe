"""AIP-160's filters as far as Vertex's lists take them: comparisons joined by AND and OR."""

import re
from collections.abc import Mapping
from typing import Any

COMPARISON = re.compile(r"\s*([\w.]+)\s*(!=|>=|<=|=|:|>|<)\s*(\"[^\"]*\"|'[^']*'|[^\s()]+)\s*$")
CONTEXT = re.compile(r"\s*in_context\(\s*[\"']([^\"']+)[\"']\s*\)\s*$")
KEY_IN_MAP = re.compile(r'\.("[^"]+"|\w[\w-]*)')


class FilterError(ValueError):
    """A filter that the service would refuse."""


def matches(expression: str, row: Mapping[str, Any]) -> bool:
    """Whether a resource, as JSON, passes a filter; an empty filter lets all pass.

    Raises:
        FilterError: not a comparison, or a field that is none.
    """
    if not expression.strip():
        return True
    return any(
        all(_holds(part, row) for part in re.split(r"\bAND\b", alternative))
        for alternative in re.split(r"\bOR\b", _without_outer_brackets(expression))
    )


def _without_outer_brackets(expression: str) -> str:
    text = expression.strip()
    inner = text[1:-1]
    return inner if text.startswith("(") and text.endswith(")") and "(" not in inner else text


def _holds(part: str, row: Mapping[str, Any]) -> bool:
    if found := CONTEXT.match(part):
        return found[1] in row.get("_contexts", ())
    found = COMPARISON.match(part)
    if not found:
        raise FilterError(f"cannot read {part.strip()!r}")
    path, sign, value = found[1], found[2], found[3].strip("\"'")
    known = _look_up(row, path)
    if sign == ":":
        return known is not None and (value == "*" or value in str(known))
    if sign == "=":
        return known is not None and _same(known, value)
    if sign == "!=":
        return known is None or not _same(known, value)
    if known is None:
        return False
    left, right = (float(known), float(value)) if _is_number(value) else (str(known), value)
    return {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}[sign]


def _look_up(row: Mapping[str, Any], path: str) -> Any:
    """The value at a dotted path; metadata's `.number_value` and `.string_value` name the same."""
    value: Any = row
    for name in path.split("."):
        if name in {"number_value", "string_value", "bool_value"}:
            continue
        camel = re.sub(r"_(\w)", lambda found: found[1].upper(), name)
        value = value.get(name, value.get(camel)) if isinstance(value, Mapping) else None
    return value


def _same(known: Any, value: str) -> bool:
    if isinstance(known, bool):
        return str(known).lower() == value.lower()
    if isinstance(known, int | float) and _is_number(value):
        return float(known) == float(value)
    return str(known) == value


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][+-]?\d+)?", text) is not None
