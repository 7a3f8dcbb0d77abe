"""Find the spans of text in the names of its files."""

import contextlib
import fnmatch
import re
from collections.abc import Iterable
from datetime import date

TOKEN = re.compile(r"\{([A-Z]+)(?::(\d+))?\}")  # of TFX's spans: {SPAN}, {SPAN:2}, {YYYY}
_DIGITS = {"YYYY": "4", "MM": "2", "DD": "2"}
_FIRST_DATE = date(1970, 1, 1)  # span 0 of a pattern with dates


def find_numbers(names: Iterable[str], pattern: str) -> set[tuple[str, ...]]:
    """Return the numbers that stand in names where the pattern has tokens.

    Like TFX's, this search takes `**` for one folder.
    """
    globs = pattern.split("/")
    while globs and not TOKEN.search(globs[-1]):
        globs.pop()
    regex = [re.compile(_to_regex(glob)) for glob in globs]
    numbers = set()
    for name in names:
        parts = name.split("/")
        if globs and len(parts) >= len(globs):
            matches = [each.match(part) for each, part in zip(regex, parts, strict=False)]
            if all(matches):
                numbers.add(tuple(n for match in matches if match for n in match.groups()))
    return numbers


def find_spans(names: Iterable[str], pattern: str) -> dict[int, str]:
    """Return the spans in names, and how to show each: "12", or "20788 (2026-12-01)"."""
    tokens = [name for name, _ in TOKEN.findall(pattern)]
    spans = {}
    for numbers in find_numbers(names, pattern):
        values = dict(zip(tokens, map(int, numbers), strict=True))
        if "SPAN" in values:
            spans[values["SPAN"]] = str(values["SPAN"])
            continue
        with contextlib.suppress(ValueError):  # digits that are no date
            day = date(values["YYYY"], values["MM"], values["DD"])
            span = (day - _FIRST_DATE).days
            spans[span] = f"{span} ({day})"
    return spans


def _to_regex(glob: str) -> str:
    """Translate a part of a pattern, with a group for each token."""
    widths = iter([width or _DIGITS.get(name, "1,") for name, width in TOKEN.findall(glob)])
    regex = fnmatch.translate(TOKEN.sub("\0", glob))
    return re.sub("\0", lambda _: rf"(\d{{{next(widths)}}})", regex)
