"""Evaluate the conditions of triggers and the filters of resolvers in a compiled pipeline.

A condition is in the subset of CEL that TFX and kfp compile to:

    inputs.parameter_values['x'] == 'heads' && int(inputs.parameter_values['n']) > 3
    inputs.artifacts['blessing'].artifacts[0].metadata['blessed'] == 1.0

This subset (https://github.com/google/cel-spec without macros, lists and arithmetic) becomes valid
Python syntax when its operators are replaced, so Python's parser reads it.

A filter tests artifacts:

    schema_title="tfx.ModelBlessing" AND state=LIVE AND metadata.blessed.number_value=1
    schema_title="tfx.Model" AND state=LIVE AND name="projects/…/artifacts/12"
"""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from typing import Any

from pipelines.metadata.live_artifacts import LiveArtifact
from pipelines.spec_runner.spec.errors import SpecError

_TOKEN = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|&&|\|\||!(?!=)|[A-Za-z_]\w*")
# `~` stands for `!`, because it binds more tightly than a comparison, and Python's `not` does not.
_PYTHON = {"&&": " and ", "||": " or ", "!": "~", "true": "True", "false": "False", "null": "None"}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq, ast.NotEq: operator.ne, ast.Lt: operator.lt,
    ast.Gt: operator.gt, ast.LtE: operator.le, ast.GtE: operator.ge,
}  # fmt: skip
_CONVERT: dict[str, Callable[[Any], Any]] = {
    "int": lambda value: int(float(value)), "double": float, "string": str, "bool": bool,
}  # fmt: skip

Tree = Mapping[str, Any]
Thunk = Callable[[Tree], Any]
_CLAUSE = re.compile(
    r"(?P<field>schema_title|state|name|uri"
    r"|metadata\.(?P<key>[\w-]+)\.(?P<kind>number_value|string_value|bool_value))"
    r"\s*=\s*(?:\"(?P<text>[^\"]*)\"|(?P<word>[\w.+-]+))$"
)
Test = Callable[[LiveArtifact], bool]


def parse_condition(text: str) -> Thunk:
    """Parse a condition.

    Returns:
        A function that evaluates it on {"inputs": {"parameter_values": …, "artifacts": …}}.

    Raises:
        SpecError: the condition is outside of the subset.
    """
    python = _TOKEN.sub(lambda match: _PYTHON.get(match[0], match[0]), text)
    try:
        return _compile(ast.parse(python.strip(), mode="eval").body)
    except (SyntaxError, ValueError) as error:
        raise SpecError(
            f"The condition {text!r} cannot be read ({error}). run-spec supports comparisons of "
            f"inputs, &&, ||, !, (), int(), double() and string()."
        ) from error


def _compile(node: ast.expr) -> Thunk:
    match node:
        case ast.BoolOp():
            parts = [_compile(value) for value in node.values]
            combine = all if isinstance(node.op, ast.And) else any
            return lambda tree: combine(part(tree) for part in parts)
        case ast.UnaryOp(op=ast.Invert()):
            inner = _compile(node.operand)
            return lambda tree: not inner(tree)
        case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
            return lambda tree: -number
        case ast.Compare(ops=[comparison]) if type(comparison) in _COMPARE:
            compare = _COMPARE[type(comparison)]
            left, right = _compile(node.left), _compile(node.comparators[0])
            return lambda tree: compare(left(tree), right(tree))
    return _compile_value(node)


def _compile_value(node: ast.expr) -> Thunk:
    match node:
        case ast.Call(func=ast.Name(id=name), args=[argument], keywords=[]) if name in _CONVERT:
            convert, inner = _CONVERT[name], _compile(argument)
            return lambda tree: convert(inner(tree))
        case ast.Attribute():
            return _index(_compile(node.value), lambda tree: node.attr)
        case ast.Subscript():
            return _index(_compile(node.value), _compile(node.slice))
        case ast.Constant(value=None | bool() | int() | float() | str()):
            return lambda tree: node.value
        case ast.Name(id="inputs"):
            return lambda tree: tree["inputs"]
    raise ValueError(f"{ast.unparse(node)} is not supported")


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


def parse_filter(text: str) -> Test:
    """Parse a filter as TFX compiles it: clauses joined by AND, without placeholders.

    Raises:
        SpecError: a clause is of an unknown kind.
    """
    tests = [_clause(part.strip()) for part in re.split(r"\s+AND\s+", text.strip())]
    return lambda artifact: all(test(artifact) for test in tests)


def _clause(text: str) -> Test:
    match = _CLAUSE.match(text)
    if match is None:
        raise SpecError(f"A resolver uses the filter {text!r}, which run-spec does not support.")
    wanted = match["text"] if match["text"] is not None else match["word"]
    key, field = match["key"], match["field"]
    if key:
        value: Any = wanted
        if match["kind"] == "number_value":
            value = float(wanted)
        elif match["kind"] == "bool_value":
            value = wanted.lower() == "true"
        return lambda artifact: artifact.metadata.get(key) == value
    if field == "schema_title":
        return lambda artifact: artifact.type.title == wanted
    if field == "name":
        return lambda artifact: artifact.resource == wanted
    if field == "uri":
        return lambda artifact: artifact.uri == wanted
    return lambda artifact: wanted == "LIVE"  # the only state that filters ask for
