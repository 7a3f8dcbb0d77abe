"""Verify a workdir, or one model and its inputs: find what was changed or is missing."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from core.manifest import MANIFEST
from pipelines.lineage.verify.check_folder import Mismatch, check_artifact
from pipelines.lineage.verify.check_links import check_links
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Run
from pipelines.metadata.seal import SEAL, newest_seal, seal_content


@dataclass(frozen=True, kw_only=True)
class Verification:
    """The result of `textmill lineage verify`."""

    findings: tuple[Mismatch, ...]
    artifacts: int  # checked
    runs: int  # whose seals were checked
    unsealed: tuple[str, ...]  # runs without a seal: of their loose files only presence is checked
    seal: str | None  # digest of the newest seal

    def as_json(self) -> dict[str, Any]:
        """Return plain values for `--json`."""
        findings = [finding.as_json() for finding in self.findings]
        return {"ok": not self.findings, **asdict(self), "findings": findings}


def verify(archive: Archive, selected: Run | Artifact | None = None) -> Verification:
    """Recompute every digest and compare it with the recorded one.

    Args:
        archive: lineage of a workdir.
        selected: check the artifacts of this run, or this artifact, and all their inputs; None
            checks the whole workdir.
    """
    artifacts = _artifacts(archive, selected)
    runs = _find_runs(archive, artifacts) if selected else list(archive.graph.runs.values())
    findings: list[Mismatch] = []
    for artifact in artifacts:
        findings += [*check_artifact(archive, artifact), *check_links(archive, artifact)]
    unsealed = []
    for run in runs:
        mismatches = check_seal(archive, run)
        if mismatches is None:
            unsealed.append(run.id)
        else:
            findings += mismatches
    return Verification(
        # Without repeats: several publications share one latest.json.
        findings=tuple(dict.fromkeys(findings)),
        artifacts=len(artifacts),
        runs=len(runs) - len(unsealed),
        unsealed=tuple(unsealed),
        seal=newest_seal(archive.workdir),
    )


def _artifacts(archive: Archive, selected: Run | Artifact | None) -> list[Artifact]:
    graph = archive.graph
    if selected is None:
        return [artifact for artifact in graph.artifacts.values() if artifact.live]
    if isinstance(selected, Artifact):
        start = [selected.id]
    else:
        start = [e.artifact for number in selected.executions for e in graph.outputs(number)]
    return [artifact for _, artifact in graph.walk(start, "upstream") if artifact.live]


def _find_runs(archive: Archive, artifacts: Iterable[Artifact]) -> list[Run]:
    producers = (archive.graph.producer(artifact.id) for artifact in artifacts)
    ids = {producer.run_id for producer in producers if producer}
    return [run for run in archive.graph.runs.values() if run.id in ids]


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
    lost = {n.removesuffix(MANIFEST) for n in sealed if n.endswith(f"/{MANIFEST}") and n not in now}
    for name in sorted({*sealed, *now}):
        if sealed.get(name) == now.get(name):
            continue
        if name not in sealed and name.startswith(tuple(lost)):
            continue  # only the lost manifest, reported by itself, could say whether it is new
        entry = f"entry {name} of run {run.id}" if name.isdigit() else name
        if name not in now:
            yield Mismatch("missing", entry, f"was sealed with run {run.id} and is gone")
        elif name not in sealed:
            yield Mismatch("added", entry, f"was not there when run {run.id} was sealed")
        else:
            yield Mismatch("changed", entry, f"is not what was sealed with run {run.id}")
