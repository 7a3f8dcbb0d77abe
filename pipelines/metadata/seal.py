"""Seal a finished run: write the digests of everything that no manifest covers to `seal.json`.

A manifest holds the digests of shards. A seal holds those of manifests, statistics, reports, cards
and the records in ML Metadata. It also holds the digest of the previous seal, so that no old seal
can be rewritten alone. Someone who can rewrite the whole workdir can rewrite all seals: keep the
digest of the newest one elsewhere if that matters (`textmill lineage verify` prints it).
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from core import storage
from core.errors import InputError
from core.file_names import RECIPE, SUMMARY
from core.manifest import file_digest, read_manifest
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import local_folder, manifest_folder
from pipelines.metadata.graph import Run
from pipelines.metadata.names import PUSHED_DESTINATION

SEAL = "seal.json"
RUN_FILES = (RECIPE, SUMMARY)  # the log is not a result
Content = dict[str, Any]


def seal_run(workdir: Path, run_id: str) -> Path:
    """Write the seal of a run, after all its other files.

    The artifacts that the run reused are sealed by the runs that made them.

    Returns:
        The path of the seal. A run that is not in the store gets a seal of its own files only.

    Raises:
        InputError: the run has a seal already; a second one would hide later changes.
    """
    archive = Archive(workdir)
    run = archive.graph.runs.get(run_id) or Run(run_id, "", 0.0, ())
    path = archive.workdir / "runs" / run_id / SEAL
    if path.exists():
        raise InputError(
            f"{path}: the run is sealed already. Check it with `textmill lineage verify`."
        )
    content = json.dumps(seal_content(archive, run), indent=1, sort_keys=True) + "\n"
    storage.write_bytes(str(path), content.encode())
    return path


def newest_seal(workdir: Path) -> str | None:
    """Return the digest of the newest seal, which covers all seals before it."""
    seals = sorted((workdir / "runs").glob(f"*/{SEAL}"))
    return file_digest(str(seals[-1])) if seals else None


def seal_content(archive: Archive, run: Run) -> Content:
    """Compute the digests that the seal of a run holds: part to name to digest."""
    graph = archive.graph
    executions = [graph.executions[number] for number in run.executions]
    written = [
        graph.artifacts[edge.artifact]
        for execution in executions
        for edge in graph.outputs(execution.id)
        if edge.kind == "output" and graph.producer(edge.artifact) == execution
    ]
    settings = archive.store.settings(run.executions)
    properties = archive.store.properties(a.id for a in written)
    folder = archive.workdir / "runs" / run.id
    files = {str(folder / n): _digest(folder / n) for n in RUN_FILES if (folder / n).is_file()}
    for artifact in written:
        files |= dict(_loose_files(archive.folder(artifact)))
        if destination := properties.get(artifact.id, {}).get(PUSHED_DESTINATION):
            published = local_folder(destination, archive.workdir)
            files |= dict(_loose_files(published)) if manifest_folder(published) else {}
    return {
        # Paths within the workdir, so that seals stay valid after a move.
        "files": {path.removeprefix(f"{archive.workdir}/"): d for path, d in files.items()},
        "executions": {
            str(e.id): _record([e.node_id, e.state, e.type_name, settings.get(e.id, {})])
            for e in executions
        },
        "artifacts": {
            str(a.id): _record(
                [
                    a.type_name,
                    _place(a.uri, archive),
                    a.live,
                    {n: _place(v, archive) for n, v in properties.get(a.id, {}).items()},
                ]
            )
            for a in written
        },
        "previous": _previous(archive.workdir, run.id),
    }


def _loose_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield path and digest of the files that no manifest lists, including the manifests."""
    named: set[Path] = set()
    for manifest in folder.rglob("manifest.json"):
        try:
            files = read_manifest(str(manifest.parent)).all_files()
        except InputError:
            continue
        named |= {manifest.parent / file.path for file in files}
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path not in named:
            yield str(path), _digest(path)


def _previous(workdir: Path, run_id: str) -> dict[str, str]:
    earlier = [p for p in (workdir / "runs").glob(f"*/{SEAL}") if p.parent.name < run_id]
    return {max(earlier).parent.name: _digest(max(earlier))} if earlier else {}


def _place(value: Any, archive: Archive) -> Any:
    """Return a value on record; of a folder in the workdir, the path within it."""
    if not isinstance(value, str) or not value.startswith("/"):
        return value
    return str(local_folder(value, archive.workdir)).removeprefix(f"{archive.workdir}/")


def _record(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _digest(path: Path) -> str:
    return file_digest(str(path))
