"""Filter the list of runs by date, metric and setting."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import yaml

from core.errors import InputError
from core.plain_yaml import load_plain
from pipelines.lineage.find.run_list import RunRow
from pipelines.metadata.archive import Archive
from pipelines.metadata.recipe_keys import recipe_settings

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    "=": operator.eq,
}  # fmt: skip
CONDITION = re.compile(r"\s*([\w.-]+)\s*(<=|>=|!=|<|>|=)\s*([^<>=!\s].*?)\s*")
FULL_NAMES = {"loss": "masked_lm_loss", "accuracy": "masked_lm_accuracy"}  # of metrics
EVALUATION = "ModelEvaluation"  # the artifact type with metrics
Interval = tuple[float | None, float | None]  # seconds since 1970; None is open


@dataclass(frozen=True)
class Condition:
    """One comparison, for example loss<3.9."""

    name: str  # a metric, a column of the list, or a setting of the recipe
    sign: str
    value: Any

    def holds(self, values: dict[str, Any]) -> bool:
        """Return whether the condition is true; it is false if the run has no such value."""
        value = values.get(self.name, values.get(FULL_NAMES.get(self.name, "")))
        if value is None:
            return False
        if _is_number(value) and _is_number(self.value):
            return COMPARE[self.sign](value, self.value)
        if self.sign in ("=", "!="):
            return COMPARE[self.sign](str(value), str(self.value))
        return False


def choose(
    archive: Archive,
    rows: Iterable[RunRow],
    *,
    started: Interval = (None, None),
    conditions: Sequence[Condition] = (),
    models: bool = False,
) -> list[RunRow]:
    """Keep the rows that meet all criteria, in their order.

    With `models`, only runs that trained a new model are kept.

    Raises:
        InputError: no run has a value that a condition names.
    """
    since = -math.inf if started[0] is None else started[0]
    until = math.inf if started[1] is None else started[1]
    kept = [row for row in rows if since <= row.began < until]
    if models:
        kept = [row for row in kept if row.model is not None and not row.reused]
    if not conditions:
        return kept
    values = {row.run: _values(archive, row) for row in kept}
    names = {name for of_run in values.values() for name in of_run}
    for condition in conditions:
        if names and not names & {condition.name, FULL_NAMES.get(condition.name)}:
            raise InputError(
                f"--where {condition.name}: no run has such a metric or setting. "
                f"`textmill lineage show latest --json` lists the names."
            )
    return [row for row in kept if all(c.holds(values[row.run]) for c in conditions)]


def parse_condition(text: str) -> Condition:
    """Parse a comparison.

    Raises:
        InputError: the text is not a comparison.
    """
    match = CONDITION.fullmatch(text)
    if match is None:
        raise InputError(
            f"--where {text}: not a condition. Write for example 'loss<3.9' or trainer.steps=200."
        )
    try:
        return Condition(match[1], match[2], load_plain(match[3]))
    except yaml.YAMLError as error:
        raise InputError(f"--where {text}: the value is not valid YAML. Quote it.") from error


def parse_day(text: str | None, option: str, *, end: bool = False) -> float | None:
    """Parse a UTC date or time into seconds since 1970; None stays None.

    With `end`, a date without a time stands for its end instead of its start.

    Raises:
        InputError: the text is not a date.
    """
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise InputError(
            f"{option} {text}: not a date. Write for example 2026-11-23 or 2026-11-23T14:05."
        ) from error
    if end and len(text) == len("2026-11-23"):
        parsed += timedelta(days=1)
    return parsed.replace(tzinfo=parsed.tzinfo or UTC).timestamp()


def _values(archive: Archive, row: RunRow) -> dict[str, Any]:
    """Return the row's columns, the metrics of the run's evaluation, and its settings."""
    graph = archive.graph
    values = {name: value for name, value in asdict(row).items() if not isinstance(value, dict)}
    for execution in graph.of_run(row.run).values():
        original = graph.true_execution(execution)
        values |= recipe_settings(original.node_id, archive.settings(original))
        for edge in graph.outputs(execution.id):
            artifact = graph.artifacts[edge.artifact]
            if edge.kind == "output" and artifact.type_name == EVALUATION:
                values = {**archive.properties(artifact), **values}
    return values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
