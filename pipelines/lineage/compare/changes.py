"""Hold the result of a comparison: the parts of two runs that differ."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.lineage.compare.corpus_change import CorpusChange


@dataclass(frozen=True)
class Change:
    """One value that differs. None stands for a value that a side does not have."""

    name: str
    before: Any
    after: Any


Changes = tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The differences between two runs, by part. A part without differences is empty."""

    before: str  # run ids
    after: str
    endings: tuple[str, str]  # for example "succeeded" or "failed at Trainer"
    settings: Changes  # by the recipe's keys
    places: Changes  # folders that were read and written
    same_text: bool
    corpus: CorpusChange | None
    vocabulary: Changes
    code: Changes  # digests by node
    commits: Changes  # by node
    versions: Changes
    machine: Changes  # hardware and container image
    metrics: Changes
    model: Changes
    missing: tuple[tuple[str, str], ...]  # node, and the run that did not reach it
    same_model: bool
    sentence: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return plain values, the sentence first."""
        content = asdict(self)
        return {"sentence": content.pop("sentence"), **content}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """Return the values that differ, in order of their names."""
    return tuple(
        Change(name, before.get(name), after.get(name))
        for name in sorted({*before, *after})
        if before.get(name) != after.get(name)
    )
