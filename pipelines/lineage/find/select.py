"""What a person names (a run, an artifact, a folder, a version, a digest) to what it is."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.storage import is_remote
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import find_manifest, local_folder
from pipelines.metadata.graph import Artifact, Run

FEWEST_DIGITS = 8  # of a digest or a run id that is cut short
LATEST = "latest"


class SelectionError(InputError):
    """A name that nothing in the workdir answers to."""


def select(archive: Archive, name: str) -> Run | Artifact:
    """Finds what is meant.

    Args:
        archive: the workdir's.
        name: "latest"; a run id, or its beginning; an artifact id; the folder of an artifact or
            of a published model, also of a copy elsewhere; a published version; a model's digest
            as its card prints it, or its beginning.

    Raises:
        SelectionError: nothing or more than one thing is called so.
    """
    ways: tuple[Callable[[Archive, str], Run | Artifact | None], ...] = (
        _run, _artifact, _place, _folder, _version, _digest,
    )  # fmt: skip
    for way in ways:
        found = way(archive, name)
        if found is not None:
            return found
    newest = ", ".join(list(archive.graph.runs)[:-4:-1]) or "none"
    raise SelectionError(
        f"{name}: no run, artifact, folder, version or digest of {archive.workdir}. "
        f"`textmill lineage list` shows what there is; the newest runs: {newest}."
    )


def run_of(archive: Archive, found: Run | Artifact) -> Run:
    """The run itself, or the one that made the artifact.

    Raises:
        SelectionError: the artifact was not made by a run.
    """
    if isinstance(found, Run):
        return found
    producer = archive.graph.producer(found.id)
    if producer is None or producer.run_id not in archive.graph.runs:
        raise SelectionError(f"artifact {found.id}: no run made it. Name a run instead.")
    return archive.graph.runs[producer.run_id]


def parent_model(archive: Archive, settings: Mapping[str, Any]) -> Artifact | None:
    """The model that a training started from, where this workdir knows it.

    Args:
        archive: the workdir's.
        settings: by the recipe's keys; `model.start_from` is a folder, or its `transformers`.
    """
    start = settings.get("model.start_from")
    if not isinstance(start, str):
        return None
    if is_remote(start):
        return _place(archive, start.rstrip("/").removesuffix("/transformers"))
    folder = local_folder(start.rstrip("/"), archive.workdir)
    places = (folder, folder.parent) if folder.name == "transformers" else (folder,)
    found = (_folder(archive, str(place)) for place in places)
    return next((artifact for artifact in found if artifact is not None), None)


def _run(archive: Archive, name: str) -> Run | None:
    runs = archive.graph.runs
    if name == LATEST and runs:
        return runs[list(runs)[-1]]
    if name in runs:
        return runs[name]
    begin_so = [run for run in runs.values() if run.id.startswith(name)]
    if len(name) < FEWEST_DIGITS or not begin_so:
        return None
    if len(begin_so) > 1:
        raise SelectionError(
            f"{name}: {len(begin_so)} runs begin so, from {begin_so[0].id} to {begin_so[-1].id}. "
            f"Write more of the id."
        )
    return begin_so[0]


def _artifact(archive: Archive, name: str) -> Artifact | None:
    is_number = name.isascii() and name.isdigit()
    return archive.graph.artifacts.get(int(name)) if is_number else None


def _version(archive: Archive, name: str) -> Artifact | None:
    return _pushed(archive, lambda known: known.get("pushed_version") == name)


def _place(archive: Archive, name: str) -> Artifact | None:
    """What lies on an object store, by its address."""
    if not is_remote(name):
        return None
    found = (a for a in archive.graph.artifacts.values() if a.uri == name.rstrip("/"))
    pushed = _pushed(archive, lambda known: known.get("pushed_destination") == name.rstrip("/"))
    return next(found, pushed)


def _folder(archive: Archive, name: str) -> Artifact | None:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return None
    folder = folder.resolve()
    for artifact in archive.graph.artifacts.values():
        if archive.folder(artifact) in (folder, folder.parent):
            return artifact

    def is_here(known: dict[str, str]) -> bool:
        place = known.get("pushed_destination")
        return place is not None and local_folder(place, archive.workdir) == folder

    manifest = find_manifest(folder)
    digest = manifest and str(manifest.facts.get("model_digest", ""))
    return _pushed(archive, is_here) or (_digest(archive, digest) if digest else None)


def _digest(archive: Archive, name: str) -> Artifact | None:
    """The artifact whose content has this digest; manifests are read from the newest on."""
    if len(name) < FEWEST_DIGITS or set(name) - set("0123456789abcdef"):
        return None
    for artifact in reversed(list(archive.graph.artifacts.values())):
        manifest = archive.manifest(artifact)
        if manifest and manifest.content_digest().startswith(name):
            return artifact
    return None


def _pushed(archive: Archive, wanted: Callable[[dict[str, str]], bool]) -> Artifact | None:
    """The model that was published so: what is asked for is a model, not the note of it."""
    known = archive.store.properties(None, ("pushed_version", "pushed_destination"))
    for number in sorted(known, reverse=True):
        producer = archive.graph.producer(number)
        if producer and wanted(dict(known[number])):
            return archive.inputs(producer).get("model", archive.graph.artifacts[number])
    return None
