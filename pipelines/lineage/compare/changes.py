"""What differs, as plain values: the result of a comparison and the parts of it."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from pipelines.lineage.compare.corpus_change import CorpusChange

ABSENT = None  # the value of what one side does not have


@dataclass(frozen=True)
class Change:
    """One thing that differs."""

    name: str
    before: Any  # None where it was not there
    after: Any


Changes = tuple[Change, ...]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that differs between two runs; empty parts are the same."""

    before: str  # run ids
    after: str
    endings: tuple[str, str]  # "succeeded", or as "failed at Trainer"
    settings: Changes  # by the recipe's keys
    places: Changes
    same_text: bool
    corpus: CorpusChange | None
    vocabulary: Changes
    code: Changes  # digests by node
    commits: Changes  # by node
    versions: Changes
    machine: Changes  # hardware and container image of the runs
    metrics: Changes
    model: Changes
    missing: tuple[tuple[str, str], ...]  # node, and the run that did not come to it
    same_model: bool
    sentence: str = ""

    def explained(self, sentence: str) -> "Comparison":
        """The same with its explanation."""
        return replace(self, sentence=sentence)

    def as_json(self) -> dict[str, Any]:
        """Plain values, the sentence first."""
        content = asdict(self)
        return {"sentence": content.pop("sentence"), **content}


def changes_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> Changes:
    """What differs, in the order of the names."""
    names = sorted({*before, *after})
    return tuple(
        Change(name, before.get(name, ABSENT), after.get(name, ABSENT))
        for name in names
        if before.get(name, ABSENT) != after.get(name, ABSENT)
    )
