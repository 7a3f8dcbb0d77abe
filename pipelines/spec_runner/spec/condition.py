"""Evaluate the condition of a trigger, in the subset of CEL that TFX and kfp compile to.

    inputs.parameter_values['x'] == 'heads' && int(inputs.parameter_values['n']) > 3
    inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0

The grammar is that of https://github.com/google/cel-spec without macros, lists and arithmetic.
"""

import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.spec_runner.spec.errors import SpecError

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")|(?P<number>-?\d+(?:\.\d+)?(?:e-?\d+)?)"
    r"|(?P<name>[A-Za-z_]\w*)|(?P<sign>==|!=|<=|>=|&&|\|\||[!<>()\[\].]))"
)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    ">": operator.gt, "<=": operator.le, ">=": operator.ge,
}  # fmt: skip
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: int(float(value)), "double": float, "string": str, "bool": bool,
}  # fmt: skip
_CONSTANTS: dict[str, Any] = {"true": True, "false": False, "null": None}

Tree = Mapping[str, Any]
Thunk = Callable[[Tree], Any]


def parse_condition(text: str) -> Thunk:
    """Parse a condition.

    Returns:
        A function that evaluates it on {"inputs": {"parameter_values": …, "artifacts": …}}.

    Raises:
        SpecError: the condition is outside of the subset.
    """
    parser = _Parser(text)
    condition = parser.either()
    if parser.token is not None:
        parser.fail()
    return condition


class _Parser:
    """A recursive-descent parser: one method per level of precedence, lowest first."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self.token: tuple[str, str] | None = None
        self._advance()

    def either(self) -> Thunk:
        parts = [self._both()]
        while self._takes("||"):
            parts.append(self._both())
        return parts[0] if len(parts) == 1 else lambda tree: any(part(tree) for part in parts)

    def _both(self) -> Thunk:
        parts = [self._comparison()]
        while self._takes("&&"):
            parts.append(self._comparison())
        return parts[0] if len(parts) == 1 else lambda tree: all(part(tree) for part in parts)

    def _comparison(self) -> Thunk:
        left = self._not()
        if self.token and self.token[0] == "sign" and self.token[1] in _COMPARE:
            compare = _COMPARE[self.token[1]]
            self._advance()
            right = self._not()
            return lambda tree: compare(left(tree), right(tree))
        return left

    def _not(self) -> Thunk:
        if self._takes("!"):
            inner = self._not()
            return lambda tree: not inner(tree)
        return self._member()

    def _member(self) -> Thunk:
        value = self._primary()
        while self.token in (("sign", "."), ("sign", "[")):
            if self._takes("."):
                kind, name = self._next()
                if kind != "name":
                    self.fail()
                value = _select(value, name)
            else:
                self._takes("[")
                value = _index(value, self.either())
                self._expect("]")
        return value

    def _primary(self) -> Thunk:
        kind, word = self._next()
        if kind == "text":
            value: Any = re.sub(r"\\(.)", r"\1", word[1:-1])
            return lambda tree: value
        if kind == "number":
            number = float(word)
            return lambda tree: number
        if word == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if kind != "name":
            self.fail()
        if word in _CONVERT and self._takes("("):
            argument, convert = self.either(), _CONVERT[word]
            self._expect(")")
            return lambda tree: convert(argument(tree))
        if word in _CONSTANTS:
            return lambda tree: _CONSTANTS[word]
        if word != "inputs":
            self.fail()
        return lambda tree: tree["inputs"]

    def _takes(self, sign: str) -> bool:
        if self.token != ("sign", sign):
            return False
        self._advance()
        return True

    def _expect(self, sign: str) -> None:
        if not self._takes(sign):
            self.fail()

    def _next(self) -> tuple[str, str]:
        if self.token is None:
            self.fail()
        token = self.token
        self._advance()
        return token  # type: ignore[return-value]

    def _advance(self) -> None:
        if not self._text[self._at :].strip():
            self._at, self.token = len(self._text), None
            return
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            self.fail()
        else:
            self._at = match.end()
            self.token = (str(match.lastgroup), match[str(match.lastgroup)])

    def fail(self) -> None:
        """Raise an error that says where parsing stopped."""
        raise SpecError(
            f"The condition {self._text!r} cannot be read before character {self._at}: run-spec "
            f"supports comparisons of inputs, &&, ||, !, (), int(), double() and string()."
        )


def _select(container: Thunk, name: str) -> Thunk:
    return _index(container, lambda tree: name)


def _index(container: Thunk, index: Thunk) -> Thunk:
    def look_up(tree: Tree) -> Any:
        values, key = container(tree), index(tree)
        try:
            return values[int(key)] if isinstance(values, list) else values[key]
        except (KeyError, IndexError, TypeError) as error:
            raise SpecError(
                f"A condition refers to {key!r}, which the inputs do not have."
            ) from error

    return look_up
