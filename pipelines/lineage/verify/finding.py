"""What a check found wrong, in words for a person and in fields for a program."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was written."""

    kind: Literal["changed", "missing", "added"]
    path: str  # a file, a folder, or "run …" and "execution …" of the store
    told: str  # what is wrong with it
    artifact: int | None = None
