"""Tell by what a killed run left on the disk whether it was killed where its kill point says."""

from pathlib import Path

from pipelines.lineage.verify.garbage import find_orphans
from pipelines.metadata.archive import Archive

ARTIFACTS = "artifacts/*/*/*/*"  # of a recipe, a node, an output and an execution
MADE_OF_FILES = ("TextExampleGen", "VocabularyGen", "InstanceGen", "Trainer")


def is_unwritten(workdir: Path, step: int | None) -> bool:
    """No document is written."""
    return not list(workdir.glob("artifacts/*/TextExampleGen/**/*.gz"))


def is_unfinished(workdir: Path, step: int | None) -> bool:
    """The documents are not said to be whole."""
    return not list(workdir.glob("artifacts/*/TextExampleGen/**/manifest.json"))


def is_partly_written(workdir: Path, step: int | None) -> bool:
    """A file is there under its temporary name, with some content or with all of it."""
    return any(path.is_file() for path in workdir.rglob(".*.partial"))


def lacks_a_manifest(workdir: Path, step: int | None) -> bool:
    """A folder has whole files and no manifest."""
    folders = [f for f in workdir.glob(ARTIFACTS) if f.parts[-3] in MADE_OF_FILES]
    return not is_partly_written(workdir, step) and any(
        any(path.is_file() for path in folder.rglob("*")) and not _manifest(folder)
        for folder in folders
        if folder.parts[-2] in ("examples", "vocabulary", "instances", "model")
    )


def is_unrecorded(workdir: Path, step: int | None) -> bool:
    """A whole result is not in ML Metadata."""
    return any("/artifacts/" in orphan.path for orphan in find_orphans(Archive(workdir)))


def has_a_journal(workdir: Path, step: int | None) -> bool:
    """SQLite's transaction is neither committed nor rolled back."""
    return (workdir / "metadata.sqlite-journal").exists()


def lacks_a_seal(workdir: Path, step: int | None) -> bool:
    """The newest checkpoint has no seal, and is of the step."""
    newest = max(workdir.rglob("step-*.safetensors"), key=lambda path: path.name)
    return newest.stem == _checkpoint(step) and not newest.with_suffix(".json").exists()


def is_unsaved(workdir: Path, step: int | None) -> bool:
    """There is no checkpoint of the step."""
    return not list(workdir.rglob(f"{_checkpoint(step)}.*"))


def is_saved(workdir: Path, step: int | None) -> bool:
    """The checkpoint of the step is whole, and there is no model."""
    return _sealed(workdir, step) and not list(workdir.glob("artifacts/*/Trainer/model/*/*"))


def is_half_exported(workdir: Path, step: int | None) -> bool:
    """The model has its SavedModel, and not the folder for transformers."""
    files = {path.name for path in workdir.glob("artifacts/*/Trainer/model/**/*")}
    return _sealed(workdir, step) and "saved_model.pb" in files and "config.json" not in files


def is_half_published(workdir: Path, step: int | None) -> bool:
    """A version has some files and no manifest."""
    published = {path.name for path in workdir.glob("published/**/*") if path.is_file()}
    return bool(published) and "manifest.json" not in published


def _manifest(folder: Path) -> bool:
    places = (folder, folder / "Format-Serving")  # of an artifact, of a model
    return any((place / "manifest.json").exists() for place in places)


def _checkpoint(step: int | None) -> str:
    return f"step-{step:09d}"


def _sealed(workdir: Path, step: int | None) -> bool:
    return bool(list(workdir.rglob(f"{_checkpoint(step)}.json")))
