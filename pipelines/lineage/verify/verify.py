"""Verify a workdir, or one model and its inputs: find what was changed or is missing."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from pipelines.lineage.verify.check_folder import check_artifact
from pipelines.lineage.verify.check_links import check_links
from pipelines.lineage.verify.check_seal import check_seal
from pipelines.lineage.verify.mismatch import Mismatch
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Run
from pipelines.metadata.seal import newest_seal


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
    runs = _runs_of(archive, artifacts) if selected else list(archive.graph.runs.values())
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


def _runs_of(archive: Archive, artifacts: Iterable[Artifact]) -> list[Run]:
    producers = (archive.graph.producer(artifact.id) for artifact in artifacts)
    ids = {producer.run_id for producer in producers if producer}
    return [run for run in archive.graph.runs.values() if run.id in ids]
