"""A finished run to `seal.json`: the digests of all that no manifest vouches for.

Manifests name the digests of shards, and nothing names the digests of manifests, statistics,
reports, cards, or of what ML Metadata says. The seal does, and names the seal before it, so that an
old one cannot be rewritten alone. Who can rewrite all of a workdir can rewrite its seals: keep the
digest of the newest one elsewhere (`textmill lineage verify` prints it) where that matters.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from core import storage
from core.errors import InputError
from core.manifest import file_digest, read_manifest
from pipelines.lineage.store.archive import Archive
from pipelines.lineage.store.folders import local_folder, manifest_folder
from pipelines.lineage.store.graph import Run
from pipelines.lineage.verify.finding import Finding

SEAL = "seal.json"
RUN_FILES = ("recipe.yaml", "summary.json")  # the log is no result
Content = dict[str, Any]


def seal_run(workdir: Path, run_id: str) -> Path:
    """Writes the seal of a run, as the last thing that is written of it.

    Args:
        workdir: the folder of the store.
        run_id: the run; what it reused is sealed by the run that made it.

    Returns:
        The seal's path. A run that the store does not know gets a seal of its own files only.

    Raises:
        InputError: the run has a seal; a second one would hide what changed since.
    """
    archive = Archive(workdir)
    run = archive.graph.runs.get(run_id) or Run(run_id, "", 0.0, ())
    path = archive.workdir / "runs" / run_id / SEAL
    if path.exists():
        raise InputError(f"{path}: the run is sealed. `textmill lineage verify` compares with it.")
    content = json.dumps(_content(archive, run), indent=1, sort_keys=True) + "\n"
    storage.write_bytes(str(path), content.encode())
    return path


def check_seal(archive: Archive, run: Run) -> list[Finding] | None:
    """Compares a run with its seal.

    Returns:
        What differs; None if the run was never sealed.
    """
    path = archive.workdir / "runs" / run.id / SEAL
    if not path.exists():
        return None
    try:
        sealed = json.loads(path.read_text(encoding="utf-8"))
        pairs = [(sealed[part], found) for part, found in _content(archive, run).items()]
        return [finding for before, now in pairs for finding in _compare(run, before, now)]
    except (OSError, ValueError, KeyError, AttributeError):
        return [Finding("changed", str(path), "is no seal that can be read")]


def newest_seal(workdir: Path) -> str | None:
    """The digest of the newest seal, which vouches for all before it."""
    seals = sorted((workdir / "runs").glob(f"*/{SEAL}"))
    return file_digest(str(seals[-1])) if seals else None


def _content(archive: Archive, run: Run) -> Content:
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
        for place in _published(properties.get(artifact.id, {}), archive):
            files |= dict(_loose_files(place))
    return {
        "files": {_inside(path, archive.workdir): digest for path, digest in files.items()},
        "executions": {
            str(e.id): _record([e.node_id, e.state, e.type_name, settings.get(e.id, {})])
            for e in executions
        },
        "artifacts": {
            str(a.id): _record([a.type_name, a.uri, a.live, properties.get(a.id, {})])
            for a in written
        },
        "previous": _previous(archive.workdir, run.id),
    }


def _loose_files(folder: Path) -> Iterator[tuple[str, str]]:
    """The files that no manifest of the folder names, the manifest itself among them."""
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


def _published(properties: Mapping[str, Any], archive: Archive) -> Iterator[Path]:
    place = properties.get("pushed_destination")
    if place and manifest_folder(found := local_folder(place, archive.workdir)):
        yield found


def _previous(workdir: Path, run_id: str) -> dict[str, str]:
    """The seal before this one, by its run."""
    earlier = [p for p in (workdir / "runs").glob(f"*/{SEAL}") if p.parent.name < run_id]
    return {max(earlier).parent.name: _digest(max(earlier))} if earlier else {}


def _compare(run: Run, sealed: Mapping[str, str], now: Mapping[str, str]) -> Iterator[Finding]:
    for name in sorted({*sealed, *now}):
        if sealed.get(name) == now.get(name):
            continue
        where = f"entry {name} of run {run.id}" if name.isdigit() else name
        if name not in now:
            yield Finding("missing", where, f"was sealed with run {run.id} and is gone")
        elif name not in sealed:
            yield Finding("added", where, f"was not there when run {run.id} was sealed")
        else:
            yield Finding("changed", where, f"is not what was sealed with run {run.id}")


def _inside(path: str, workdir: Path) -> str:
    """The path within the workdir, so that a workdir that was moved keeps its seals."""
    return path.removeprefix(f"{workdir}/")


def _record(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _digest(path: Path) -> str:
    return file_digest(str(path))
