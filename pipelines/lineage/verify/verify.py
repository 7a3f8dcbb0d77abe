"""A workdir, or what one model stands on, to what was changed or is missing since it was made."""

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
class Verdict:
    """What `textmill lineage verify` found."""

    findings: tuple[Mismatch, ...]
    artifacts: int  # checked
    runs: int  # whose seals were checked
    unsealed: tuple[str, ...]  # runs without a seal: their loose files are only looked for
    seal: str | None  # digest of the newest seal

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        findings = [finding.as_json() for finding in self.findings]
        return {"ok": not self.findings, **asdict(self), "findings": findings}


def verify(archive: Archive, found: Run | Artifact | None = None) -> Verdict:
    """Computes every digest anew.

    Args:
        archive: the workdir's.
        found: check this run's artifacts, or this artifact, and all that they are made from; None
            checks the whole workdir.
    """
    artifacts = _chosen(archive, found)
    runs = _runs_of(archive, artifacts) if found else list(archive.graph.runs.values())
    findings: list[Mismatch] = []
    for artifact in artifacts:
        findings += [*check_artifact(archive, artifact), *check_links(archive, artifact)]
    unsealed = []
    for run in runs:
        of_seal = check_seal(archive, run)
        if of_seal is None:
            unsealed.append(run.id)
        else:
            findings += of_seal
    return Verdict(
        findings=_each_once(findings),
        artifacts=len(artifacts),
        runs=len(runs) - len(unsealed),
        unsealed=tuple(unsealed),
        seal=newest_seal(archive.workdir),
    )


def _chosen(archive: Archive, found: Run | Artifact | None) -> list[Artifact]:
    graph = archive.graph
    if found is None:
        return [artifact for artifact in graph.artifacts.values() if artifact.live]
    if isinstance(found, Artifact):
        start = [found.id]
    else:
        start = [e.artifact for number in found.executions for e in graph.outputs(number)]
    return [artifact for _, artifact in graph.walk(start, "upstream") if artifact.live]


def _runs_of(archive: Archive, artifacts: Iterable[Artifact]) -> list[Run]:
    producers = (archive.graph.producer(artifact.id) for artifact in artifacts)
    ids = {producer.run_id for producer in producers if producer}
    return [run for run in archive.graph.runs.values() if run.id in ids]


def _each_once(findings: Iterable[Mismatch]) -> tuple[Mismatch, ...]:
    """Without repeats, as of a latest.json that several publications look at."""
    return tuple(dict.fromkeys(findings))
