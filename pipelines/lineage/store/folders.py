"""Artifacts to their folders, and folders to what their manifests and notes say."""

from dataclasses import dataclass, field
from pathlib import Path

from pydantic import JsonValue

from core import storage
from core.errors import InputError
from core.json_object import read_json
from core.manifest import MANIFEST, Manifest, read_manifest

SERVING = "Format-Serving"  # tfx.utils.path_utils: where a Model artifact holds the SavedModel
HAVE_MANIFESTS = {"Examples", "Model", "components.Vocabulary"}  # artifact types
KEPT = ("artifacts", "published", "runs")  # the folders of a workdir


@dataclass(frozen=True)
class RunNotes:
    """What `summary.json` says of a run; empty where there is none."""

    state: str | None = None
    error: str | None = None
    seconds: float | None = None
    git: dict[str, JsonValue] = field(default_factory=dict)  # commit, dirty


def local_folder(uri: str, workdir: Path) -> Path:
    """Where an artifact lies; a workdir that was moved or copied answers for itself.

    Args:
        uri: as it was recorded, an absolute path.
        workdir: the folder of the store.
    """
    recorded = Path(uri)
    if recorded.is_relative_to(workdir):
        return recorded
    parts = recorded.parts
    for name in KEPT:
        if name in parts:
            inner = parts[parts.index(name) :]
            if workdir.joinpath(*inner[:2]).is_dir():  # as artifacts/demo
                return workdir.joinpath(*inner)
    return recorded


def manifest_folder(folder: Path) -> Path | None:
    """The folder of an artifact's manifest; None where the artifact has none."""
    return next((f for f in (folder, folder / SERVING) if (f / MANIFEST).is_file()), None)


def find_manifest(folder: Path) -> Manifest | None:
    """An artifact's manifest; None where there is none that can be read."""
    found = manifest_folder(folder)
    if found is None:
        return None
    try:
        return read_manifest(str(found))
    except InputError:
        return None


def find_remote_manifest(uri: str, type_name: str) -> Manifest | None:
    """The manifest of an artifact on an object store; None where it has none.

    Raises:
        InputError: there is one that cannot be read.
    """
    if type_name not in HAVE_MANIFESTS:
        return None
    folder = storage.join(uri, SERVING) if type_name == "Model" else uri
    return read_manifest(folder) if storage.exists(storage.join(folder, MANIFEST)) else None


def read_notes(workdir: Path, run_id: str) -> RunNotes:
    """The summary of a run; a run that was killed left none."""
    content = read_json(workdir / "runs" / run_id / "summary.json")
    git = content.get("git")
    return RunNotes(
        state=content.get("state"),
        error=content.get("error"),
        seconds=content.get("seconds"),
        git=git if isinstance(git, dict) else {},
    )
