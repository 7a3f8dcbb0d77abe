"""Failpoints are called by their names, and a wrong order is refused."""

import ast

import pytest

from core.failpoints import POINTS, arm
from tests.check_sources import PACKAGES, TOP


def test_the_code_passes_every_point_and_no_other() -> None:
    calls = [
        node
        for package in PACKAGES
        for path in (TOP / package).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "failpoint"
    ]
    passed = {call.args[0].value for call in calls if isinstance(call.args[0], ast.Constant)}
    assert passed == set(POINTS)


@pytest.mark.parametrize(
    "order", ["no-such-point:1", "read-text", "read-text:x", "read-text:1:HUP"]
)
def test_a_wrong_order_is_refused(order: str) -> None:
    with pytest.raises(ValueError, match="unset it"):
        arm(order)
    arm(None)
