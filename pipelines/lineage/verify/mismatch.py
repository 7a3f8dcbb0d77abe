"""Describe one thing that a check found to differ from what was written."""

from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True)
class Mismatch:
    """One thing that is not as it was written."""

    kind: Literal["changed", "missing", "added"]
    path: str  # a file, a folder, or an entry of the store
    problem: str  # what is wrong with it
    artifact: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `textmill lineage verify --json`."""
        return {
            "kind": self.kind,
            "path": self.path,
            "told": self.problem,  # the key that programs read
            "artifact": self.artifact,
        }
