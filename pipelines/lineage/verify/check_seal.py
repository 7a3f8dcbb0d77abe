"""Compare a run with its seal."""

import json
from collections.abc import Iterator, Mapping

from pipelines.lineage.verify.mismatch import Mismatch
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Run
from pipelines.metadata.seal import SEAL, seal_content


def check_seal(archive: Archive, run: Run) -> list[Mismatch] | None:
    """Return how a run differs from its seal, or None if it was never sealed."""
    path = archive.workdir / "runs" / run.id / SEAL
    if not path.exists():
        return None
    try:
        sealed = json.loads(path.read_text(encoding="utf-8"))
        pairs = [(sealed[part], digests) for part, digests in seal_content(archive, run).items()]
        return [mismatch for before, now in pairs for mismatch in _compare(run, before, now)]
    except (OSError, ValueError, KeyError, AttributeError):
        return [Mismatch("changed", str(path), "is not a readable seal")]


def _compare(run: Run, sealed: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Mismatch]:
    for name in sorted({*sealed, *now}):
        if sealed.get(name) == now.get(name):
            continue
        entry = f"entry {name} of run {run.id}" if name.isdigit() else name
        if name not in now:
            yield Mismatch("missing", entry, f"was sealed with run {run.id} and is gone")
        elif name not in sealed:
            yield Mismatch("added", entry, f"was not there when run {run.id} was sealed")
        else:
            yield Mismatch("changed", entry, f"is not what was sealed with run {run.id}")
