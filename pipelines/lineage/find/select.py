"""Find the run or artifact that a name stands for: an id, a folder, a version or a digest."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.file_names import TRANSFORMERS_FOLDER
from core.storage import is_remote
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import find_manifest, local_folder
from pipelines.metadata.graph import Artifact, Run
from pipelines.metadata.names import PUSHED_DESTINATION, PUSHED_VERSION

MIN_PREFIX_LENGTH = 8  # of a digest or a run id
LATEST = "latest"


class SelectionError(InputError):
    """A name that matches nothing, or more than one thing, in the workdir."""


def select(archive: Archive, name: str) -> Run | Artifact:
    """Return the run or artifact with a name.

    Args:
        archive: lineage of a workdir.
        name: "latest"; a run id or its first characters; an artifact id; the folder of an artifact
            or of a published model, or of a copy of that model; a published version; a model's
            digest as its card prints it, or its first characters.

    Raises:
        SelectionError: nothing, or more than one thing, has this name.
    """
    lookups: tuple[Callable[[Archive, str], Run | Artifact | None], ...] = (
        _by_run_id, _by_artifact_id, _by_address, _by_folder, _by_version, _by_digest,
    )  # fmt: skip
    for lookup in lookups:
        selected = lookup(archive, name)
        if selected is not None:
            return selected
    newest = ", ".join(list(archive.graph.runs)[:-4:-1]) or "none"
    raise SelectionError(
        f"{name}: no run, artifact, folder, version or digest in {archive.workdir}. "
        f"See `textmill lineage list`; the newest runs are: {newest}."
    )


def resolve_run(archive: Archive, selected: Run | Artifact) -> Run:
    """Return the run itself, or the run that made the artifact.

    Raises:
        SelectionError: no run in the store made the artifact.
    """
    if isinstance(selected, Run):
        return selected
    producer = archive.graph.producer(selected.id)
    if producer is None or producer.run_id not in archive.graph.runs:
        raise SelectionError(f"artifact {selected.id}: no run made it. Name a run instead.")
    return archive.graph.runs[producer.run_id]


def parent_model(archive: Archive, settings: Mapping[str, Any]) -> Artifact | None:
    """Return the model that a training started from, if it is in this workdir.

    `model.start_from` is the model's folder, or its `transformers`.
    """
    start = settings.get("model.start_from")
    if not isinstance(start, str):
        return None
    if is_remote(start):
        return _by_address(archive, start.rstrip("/").removesuffix(f"/{TRANSFORMERS_FOLDER}"))
    folder = local_folder(start.rstrip("/"), archive.workdir)
    candidates = (folder, folder.parent) if folder.name == TRANSFORMERS_FOLDER else (folder,)
    models = (_by_folder(archive, str(candidate)) for candidate in candidates)
    return next((model for model in models if model is not None), None)


def _by_run_id(archive: Archive, name: str) -> Run | None:
    runs = archive.graph.runs
    if name == LATEST and runs:
        return runs[list(runs)[-1]]
    if name in runs:
        return runs[name]
    matches = [run for run in runs.values() if run.id.startswith(name)]
    if len(name) < MIN_PREFIX_LENGTH or not matches:
        return None
    if len(matches) > 1:
        raise SelectionError(
            f"{name}: {len(matches)} runs match, from {matches[0].id} to {matches[-1].id}. "
            f"Give more of the id."
        )
    return matches[0]


def _by_artifact_id(archive: Archive, name: str) -> Artifact | None:
    is_number = name.isascii() and name.isdigit()
    return archive.graph.artifacts.get(int(name)) if is_number else None


def _by_version(archive: Archive, name: str) -> Artifact | None:
    return _published_model(archive, lambda pushed: pushed.get(PUSHED_VERSION) == name)


def _by_address(archive: Archive, name: str) -> Artifact | None:
    if not is_remote(name):
        return None
    uri = name.rstrip("/")
    artifacts = (a for a in archive.graph.artifacts.values() if a.uri == uri)
    published = _published_model(archive, lambda pushed: pushed.get(PUSHED_DESTINATION) == uri)
    return next(artifacts, published)


def _by_folder(archive: Archive, name: str) -> Artifact | None:
    folder = Path(name).expanduser()
    if not folder.is_dir():
        return None
    folder = folder.resolve()
    for artifact in archive.graph.artifacts.values():
        if archive.folder(artifact) in (folder, folder.parent):
            return artifact

    def is_here(pushed: dict[str, str]) -> bool:
        destination = pushed.get(PUSHED_DESTINATION)
        return destination is not None and local_folder(destination, archive.workdir) == folder

    manifest = find_manifest(folder)
    digest = manifest and str(manifest.facts.get("model_digest", ""))
    return _published_model(archive, is_here) or (_by_digest(archive, digest) if digest else None)


def _by_digest(archive: Archive, name: str) -> Artifact | None:
    if len(name) < MIN_PREFIX_LENGTH or set(name) - set("0123456789abcdef"):
        return None
    for artifact in reversed(list(archive.graph.artifacts.values())):
        manifest = archive.manifest(artifact)
        if manifest and manifest.content_digest().startswith(name):
            return artifact
    return None


def _published_model(
    archive: Archive, matches: Callable[[dict[str, str]], bool]
) -> Artifact | None:
    """Return the model of the newest publication that matches, not the publication itself."""
    pushed = archive.store.properties(None, (PUSHED_VERSION, PUSHED_DESTINATION))
    for number in sorted(pushed, reverse=True):
        producer = archive.graph.producer(number)
        if producer and matches(dict(pushed[number])):
            return archive.inputs(producer).get("model", archive.graph.artifacts[number])
    return None
