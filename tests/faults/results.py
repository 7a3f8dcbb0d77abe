"""Digest the results of a run: two runs made the same if their digests are equal."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from core.manifest import file_digest
from pipelines.lineage.verify.check_folder import check_manifest
from pipelines.lineage.verify.verify import verify
from pipelines.metadata.archive import Archive

RESOLVER = "LatestBlessedModel"  # makes no artifacts
WITHOUT_OUTPUTS = (RESOLVER, "RunRecord")  # a spec has tasks such as LatestBlessedModel-blessing
MODEL_RUN = "model_run"  # TensorBoard's events and wall times
# Keys of published.json that depend on the time and on earlier publications.
OF_THE_MOMENT = ("version", "folder", "reused")


def last_summary(workdir: Path) -> dict[str, Any]:
    """Read the summary of the newest run."""
    folder = max((workdir / "runs").iterdir(), key=lambda path: path.stat().st_ctime_ns)
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


def results(workdir: Path) -> dict[str, str]:
    """Return the digest of every file of the newest run's artifacts and published model.

    Keys look like "Trainer/model/Format-Serving/saved_model.pb" and "published/manifest.json".
    """
    summary = last_summary(workdir)
    digests: dict[str, str] = {}
    for node in summary["nodes"]:
        for key, folder in node["artifacts"].items():
            if node["node"] != RESOLVER and key != MODEL_RUN:
                digests |= _digests(Path(folder), f"{node['node']}/{key}")
    if model := summary["places"].get("model"):
        digests |= _digests(Path(model), "published")
    return digests


def false_claims(workdir: Path) -> list[str]:
    """List what looks complete but is not, by its manifest or by ML Metadata."""
    claims = []
    for manifest in workdir.rglob("manifest.json"):
        if ".partial" not in str(manifest):
            claims += [f"{f.path} {f.problem}" for f in check_manifest(manifest.parent)]
    if _has_tables(workdir / "metadata.sqlite"):
        archive = Archive(workdir)
        claims += [f"{m.path} {m.problem}" for m in verify(archive).findings]
        graph = archive.graph
        for execution in graph.executions.values():
            is_complete = execution.state in ("ran", "cached")
            makes = not execution.node_id.startswith(WITHOUT_OUTPUTS)
            if is_complete and makes and not graph.outputs(execution.id):
                claims.append(f"{execution.node_id} is complete and made nothing")
    return claims


def finished_nodes(workdir: Path) -> set[str]:
    """Return the nodes whose results are in ML Metadata; no later run may repeat their work."""
    if not _has_tables(workdir / "metadata.sqlite"):
        return set()
    executions = Archive(workdir).graph.executions.values()
    done = {e.node_id for e in executions if e.state in ("ran", "cached")}
    return done - {RESOLVER}  # it looks up, and has no work to lose


def _has_tables(store: Path) -> bool:
    """Whether the store has tables; a run that is killed while creating it leaves it empty."""
    if not store.exists():
        return False
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return bool(connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall())


def _digests(folder: Path, name: str) -> dict[str, str]:
    return {
        f"{name}/{path.relative_to(folder).as_posix()}": _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def _digest(path: Path) -> str:
    if path.name == "published.json":
        content = json.loads(path.read_text(encoding="utf-8"))
        return json.dumps({k: v for k, v in content.items() if k not in OF_THE_MOMENT})
    return file_digest(str(path))
