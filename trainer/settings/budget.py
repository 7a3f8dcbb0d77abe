"""Read `trainer.budget`: how much to train, as time, tokens or compute."""

import re
from typing import Literal, NamedTuple

FORMS = "90s, 30min, 2h, 3d, 10B tokens or 1.5 EFLOP"
_BUDGET = re.compile(
    r"(\d+(?:\.\d+)?(?:[eE][+]?\d+)?) ?(?:(s|min|h|d)|([kMBT]?) ?tokens|(\S?)FLOP)"
)
_SECONDS = {"s": 1, "min": 60, "h": 3600, "d": 86_400}
_SCALES = {
    "": 1,
    "k": 1e3,
    "M": 1e6,
    "B": 1e9,
    "G": 1e9,
    "T": 1e12,
    "P": 1e15,
    "E": 1e18,
    "Z": 1e21,
}


class Budget(NamedTuple):
    """An amount of training."""

    amount: float
    unit: Literal["seconds", "tokens", "flop"]


def parse_budget(text: str) -> Budget:
    """Return the amount that a text names.

    Raises:
        ValueError: it has none of the forms.
    """
    match = _BUDGET.fullmatch(text.strip())
    if match and not float(match[1]):
        match = None
    if match and match[2]:
        return Budget(float(match[1]) * _SECONDS[match[2]], "seconds")
    if match and match[3] is not None:
        return Budget(float(match[1]) * _SCALES[match[3]], "tokens")
    if match and match[4] in _SCALES:
        return Budget(float(match[1]) * _SCALES[match[4]], "flop")
    raise ValueError(f"{text!r} is no amount of time, tokens or FLOP. Write it as {FORMS}")
