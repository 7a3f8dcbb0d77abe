"""Locate the folders of artifacts, and read the manifests and run summaries in them."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from core import storage
from core.errors import InputError
from core.json_object import read_json
from core.manifest import MANIFEST, Manifest, read_manifest

SERVING = "Format-Serving"  # tfx.utils.path_utils: the SavedModel's folder in a Model artifact
HAVE_MANIFESTS = {"Examples", "Model", "components.Vocabulary"}  # artifact types
WORKDIR_FOLDERS = ("artifacts", "published", "runs")


@dataclass(frozen=True)
class RunNotes:
    """Facts from the `summary.json` of a run; empty if it has none."""

    state: str | None = None
    error: str | None = None
    seconds: float | None = None
    git: dict[str, JsonValue] = field(default_factory=dict)  # commit, dirty


def local_folder(uri: str, workdir: Path) -> Path:
    """Return the folder of an artifact, also after its workdir was moved or copied.

    Args:
        uri: absolute path on record.
        workdir: folder of the store.
    """
    recorded = Path(uri)
    if recorded.is_relative_to(workdir):
        return recorded
    parts = recorded.parts
    for name in WORKDIR_FOLDERS:
        if name in parts:
            inner = parts[parts.index(name) :]
            if workdir.joinpath(*inner[:2]).is_dir():  # for example artifacts/demo
                return workdir.joinpath(*inner)
    return recorded


def manifest_folder(folder: Path) -> Path | None:
    """Return the folder that holds an artifact's manifest, or None if it has no manifest."""
    return next((f for f in (folder, folder / SERVING) if (f / MANIFEST).is_file()), None)


def find_manifest(folder: Path) -> Manifest | None:
    """Return an artifact's manifest, or None if there is none that can be read."""
    with_manifest = manifest_folder(folder)
    if with_manifest is None:
        return None
    try:
        return read_manifest(str(with_manifest))
    except InputError:
        return None


def find_remote_manifest(uri: str, type_name: str) -> Manifest | None:
    """Return the manifest of an artifact on an object store, or None if it has none.

    Raises:
        InputError: the manifest cannot be read.
    """
    if type_name not in HAVE_MANIFESTS:
        return None
    folder = storage.join(uri, SERVING) if type_name == "Model" else uri
    return read_manifest(folder) if storage.exists(storage.join(folder, MANIFEST)) else None


def read_notes(workdir: Path, run_id: str) -> RunNotes:
    """Read the summary of a run; a killed run has none."""
    content = read_json(workdir / "runs" / run_id / "summary.json")
    git = content.get("git")
    return RunNotes(
        state=content.get("state"),
        error=content.get("error"),
        seconds=content.get("seconds"),
        git=git if isinstance(git, dict) else {},
    )
