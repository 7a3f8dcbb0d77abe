"""Rows of the list to those that a person asks for: by date, by metric, by setting."""

import math
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import yaml

from core.errors import InputError
from pipelines.lineage.find.run_list import RunRow
from pipelines.metadata.archive import Archive
from pipelines.metadata.recipe_keys import recipe_settings

COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<=": operator.le, ">=": operator.ge, "!=": operator.ne, "<": operator.lt, ">": operator.gt,
    "=": operator.eq,
}  # fmt: skip
CONDITION = re.compile(r"\s*([\w.]+)\s*(<=|>=|!=|<|>|=)\s*(.*?)\s*")
SHORT = {"loss": "masked_lm_loss", "accuracy": "masked_lm_accuracy"}  # to a metric's full name
MEASURED = "ModelEvaluation"  # the artifact type that metrics are recorded of
Interval = tuple[float | None, float | None]  # seconds since 1970; None is open


@dataclass(frozen=True)
class Condition:
    """One comparison, as loss<3.9."""

    name: str  # a metric, a column of the list, or a setting of the recipe
    sign: str
    value: Any

    def holds(self, known: dict[str, Any]) -> bool:
        """Whether the run says so; a run that does not know the name does not."""
        found = known.get(self.name, known.get(SHORT.get(self.name, "")))
        if found is None:
            return False
        if _is_number(found) and _is_number(self.value):
            return COMPARE[self.sign](found, self.value)
        if self.sign in ("=", "!="):
            return COMPARE[self.sign](str(found), str(self.value))
        return False


def choose(
    archive: Archive,
    rows: Iterable[RunRow],
    *,
    began: Interval = (None, None),
    conditions: Sequence[Condition] = (),
    models: bool = False,
) -> list[RunRow]:
    """Keeps the rows that all that is asked for holds of, in their order.

    Args:
        archive: the workdir's.
        rows: from `list_runs`.
        began: the run's begin, from the first moment on and before the second.
        conditions: of metrics and settings.
        models: only runs that trained a model of their own.

    Raises:
        InputError: no run knows a name that a condition asks for.
    """
    since, until = (moment if moment is not None else math.inf for moment in began)
    since = since if began[0] is not None else -math.inf
    kept = [row for row in rows if since <= row.began < until]
    if models:
        kept = [row for row in kept if row.model is not None and not row.reused]
    if not conditions:
        return kept
    known = {row.run: _known(archive, row) for row in kept}
    names = {name for told in known.values() for name in told}
    for condition in conditions:
        if names and not names & {condition.name, SHORT.get(condition.name)}:
            raise InputError(
                f"--where {condition.name}: no run has such a metric or setting. "
                f"`textmill lineage show latest --json` shows the names."
            )
    return [row for row in kept if all(c.holds(known[row.run]) for c in conditions)]


def parse_condition(text: str) -> Condition:
    """A comparison.

    Raises:
        InputError: it is none.
    """
    matched = CONDITION.fullmatch(text)
    if matched is None or not matched[3]:
        raise InputError(f"--where {text}: write it as 'loss<3.9' or trainer.steps=200, quoted.")
    try:
        value = yaml.safe_load(matched[3])
    except yaml.YAMLError as error:
        raise InputError(f"--where {text}: the value is not valid YAML.") from error
    # YAML 1.1 takes 5e-4 for a text.
    number = re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", matched[3])
    return Condition(matched[1], matched[2], float(matched[3]) if number else value)


def parse_day(text: str | None, option: str, *, end: bool = False) -> float | None:
    """A day or a moment in UTC as seconds since 1970; None of None.

    Args:
        text: in ISO 8601.
        option: for the message.
        end: of a day without a time, its end instead of its begin.

    Raises:
        InputError: it is no date.
    """
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text.removesuffix("Z"))
    except ValueError as error:
        raise InputError(f"{option} {text}: write 2026-11-23, or 2026-11-23T14:05.") from error
    if end and len(text) == len("2026-11-23"):
        moment += timedelta(days=1)
    return moment.replace(tzinfo=moment.tzinfo or timezone.utc).timestamp()


def _known(archive: Archive, row: RunRow) -> dict[str, Any]:
    """The row's columns, the metrics of the run's artifacts, and its settings."""
    graph = archive.graph
    told = {name: value for name, value in asdict(row).items() if not isinstance(value, dict)}
    for execution in graph.of_run(row.run).values():
        true = graph.true_execution(execution)
        properties = archive.store.settings([true.id]).get(true.id, {})
        told |= recipe_settings(true.node_id, properties)
        for edge in graph.outputs(execution.id):
            if edge.kind == "output" and graph.artifacts[edge.artifact].type_name == MEASURED:
                told = {**archive.properties(graph.artifacts[edge.artifact]), **told}
    return told


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
