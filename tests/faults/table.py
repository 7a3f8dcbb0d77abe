"""Print the results of the kill points as a table: `python -m tests.faults.table FILE`."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

HEAD = (
    "point", "killed while", "runs", "divergent", "false complete", "finished nodes repeated",
    "most steps lost",
)  # fmt: skip


def rows_of(path: Path) -> list[tuple[str, ...]]:
    """Return one row per kill point, in order."""
    points: dict[str, list[dict[str, Any]]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        points.setdefault(row["point"], []).append(row)
    return [_row(point, points[point]) for point in sorted(points, key=_place)]


def _place(point: str) -> tuple[int, str]:
    return int("".join(c for c in point if c.isdecimal())), point


def _row(point: str, runs: list[dict[str, Any]]) -> tuple[str, ...]:
    counts = [sum(run[name] > 0 for run in runs) for name in ("divergent", "false", "repeated")]
    lost = [run["lost"] for run in runs if run["lost"] is not None]
    numbers = (len(runs), *counts, max(lost, default="–"))
    return point, runs[0]["description"], *map(str, numbers)


def print_table(rows: Iterable[tuple[str, ...]]) -> None:
    """Print the rows as Markdown."""
    print("|", " | ".join(HEAD), "|")
    print("|---" * len(HEAD) + "|")
    for row in rows:
        print("|", " | ".join(row), "|")


if __name__ == "__main__":
    print_table(rows_of(Path(sys.argv[1])))
