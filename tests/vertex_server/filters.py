"""Evaluate AIP-160 filters, as far as Vertex AI and Cloud Logging support them.

either  = both {"AND" both}
both    = term {"OR" term}                      OR binds before AND, as in the AIP
term    = "NOT" term | "(" either ")" | in_context("NAME") | FIELD SIGN value
value   = TEXT | "(" TEXT {"OR" TEXT} ")"
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|\'[^\']*\'|!=|>=|<=|[=:<>()]|[^\s()=:<>!"\']+)')


class FilterError(ValueError):
    """The service would refuse the filter."""


def matches(
    expression: str, row: Mapping[str, Any], documented: Collection[str] | None = None
) -> bool:
    """Return whether a resource, as JSON, passes a filter; everything passes an empty filter.

    Raises:
        FilterError: the filter is invalid, or names a field that is not documented.
    """
    if not expression.strip():
        return True
    reader = _Reader(_tokens(expression), row, documented)
    passes = reader.all_of()
    if reader.tokens:
        raise FilterError(f"cannot read {reader.tokens[0]!r}")
    return passes


def _tokens(expression: str) -> list[str]:
    tokens, at = [], 0
    while expression[at:].strip():
        match = TOKEN.match(expression, at)
        if not match:
            raise FilterError(f"cannot read {expression[at:]!r}")
        tokens.append(match[1])
        at = match.end()
    return tokens


class _Reader:
    """Parses and evaluates in one pass; `tokens` holds those not read yet."""

    def __init__(
        self, tokens: list[str], row: Mapping[str, Any], documented: Collection[str] | None
    ) -> None:
        self.tokens = tokens
        self._row = row
        self._documented = documented

    def all_of(self) -> bool:
        parts = [self._any_of()]
        while self._takes("AND"):
            parts.append(self._any_of())
        return all(parts)

    def _any_of(self) -> bool:
        parts = [self._term()]
        while self._takes("OR"):
            parts.append(self._term())
        return any(parts)

    def _term(self) -> bool:
        if self._takes("NOT"):
            return not self._term()
        if self._takes("("):
            passes = self.all_of()
            self._must(")")
            return passes
        name = self._next()
        field = name.split(".")[0]
        if self._documented is not None and field not in self._documented:
            raise FilterError(f"the field {field} is not supported")
        if name == "in_context":
            self._must("(")
            context = self._next().strip("\"'")
            self._must(")")
            return context in self._row.get("_contexts", ())
        sign = self._next()
        known = _look_up(self._row, name)
        if not self._takes("("):
            return _holds(known, sign, self._next())
        values = [self._next()]
        while self._takes("OR"):
            values.append(self._next())
        self._must(")")
        return any(_holds(known, sign, value) for value in values)

    def _next(self) -> str:
        if not self.tokens:
            raise FilterError("it ends too early")
        return self.tokens.pop(0)

    def _takes(self, token: str) -> bool:
        is_next = bool(self.tokens) and self.tokens[0] == token
        if is_next:
            self.tokens.pop(0)
        return is_next

    def _must(self, token: str) -> None:
        if not self._takes(token):
            raise FilterError(f"{token} is missing")


SEVERITIES = ("DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "CRITICAL", "ALERT", "EMERGENCY")


def _holds(known: Any, sign: str, text: str) -> bool:
    value = re.sub(r"\\(.)", r"\1", text[1:-1]) if text[0] in "\"'" else text
    if sign == ":":
        return known is not None and (value == "*" or value in str(known))
    if sign == "=":
        return known is not None and _same(known, value)
    if sign == "!=":
        return known is None or not _same(known, value)
    if sign not in {">", "<", ">=", "<="}:
        raise FilterError(f"cannot read {sign!r}")
    if known is None:
        return False
    left, right = _comparable(known, value)
    return bool(
        {">": left > right, "<": left < right, ">=": left >= right, "<=": left <= right}[sign]
    )


def _comparable(known: Any, value: str) -> tuple[Any, Any]:
    if _is_number(value):
        return float(known), float(value)
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        return _split_time(str(known)), _split_time(value)
    if known in SEVERITIES and value in SEVERITIES:
        return SEVERITIES.index(known), SEVERITIES.index(value)
    return str(known), value


def _split_time(text: str) -> tuple[str, str]:
    """Split an ISO time in UTC into whole seconds and the fraction."""
    whole, _, rest = text.removesuffix("Z").partition(".")
    return whole, rest.ljust(9, "0")


def _look_up(row: Mapping[str, Any], path: str) -> Any:
    """Return the value at a dotted path; `.number_value` and `.string_value` are ignored."""
    value: Any = row
    for name in path.split("."):
        if name in {"number_value", "string_value", "bool_value"}:
            continue
        camel = re.sub(r"_(\w)", lambda match: match[1].upper(), name)
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
