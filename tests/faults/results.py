"""What a run made, as digests by name: two runs made the same if these are equal."""

import contextlib
import json
import sqlite3
from pathlib import Path
from typing import Any

from core.manifest import file_digest
from pipelines.lineage.verify.check_folder import check_manifest
from pipelines.lineage.verify.verify import verify
from pipelines.metadata.archive import Archive

LOOKS_UP = "LatestBlessedModel"  # makes nothing
WATCHING = "model_run"  # TensorBoard's events and wall times
# What of published.json depends on when it was published, and on whether it was before.
OF_THE_MOMENT = ("version", "folder", "reused")


def last_summary(workdir: Path) -> dict[str, Any]:
    """The newest run's."""
    folder = max((workdir / "runs").iterdir(), key=lambda path: path.stat().st_ctime_ns)
    content: dict[str, Any] = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    return content


def results(workdir: Path) -> dict[str, str]:
    """Digest of every file of the newest run's artifacts and of the published model.

    Keys are as "Trainer/model/Format-Serving/saved_model.pb" and "published/manifest.json".
    """
    summary = last_summary(workdir)
    found: dict[str, str] = {}
    for node in summary["nodes"]:
        for key, folder in node["artifacts"].items():
            if node["node"] != LOOKS_UP and key != WATCHING:
                found |= _digests(Path(folder), f"{node['node']}/{key}")
    if model := summary["places"].get("model"):
        found |= _digests(Path(model), "published")
    return found


def false_claims(workdir: Path) -> list[str]:
    """What looks complete and is not: by its manifest, or by ML Metadata."""
    found = []
    for manifest in workdir.rglob("manifest.json"):
        if ".partial" not in str(manifest):
            found += [f"{f.path} {f.told}" for f in check_manifest(manifest.parent)]
    if _has_tables(workdir / "metadata.sqlite"):
        archive = Archive(workdir)
        found += [f"{finding.path} {finding.told}" for finding in verify(archive).findings]
        graph = archive.graph
        for execution in graph.executions.values():
            makes = execution.node_id != LOOKS_UP and execution.state in ("ran", "cached")
            if makes and not graph.outputs(execution.id):
                found.append(f"{execution.node_id} is complete and made nothing")
    return found


def _has_tables(store: Path) -> bool:
    """Whether the store claims anything; a run that ended while it was made leaves it empty."""
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
