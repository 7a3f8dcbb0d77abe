"""Compare the artifacts of two runs of one recipe, byte for byte."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from core.file_names import CARD, PUBLISHED, REPORT
from core.json_object import read_json
from core.manifest import MANIFEST, file_digest
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import find_manifest
from pipelines.metadata.graph import Artifact, Execution
from pipelines.metadata.names import BASELINE, MODEL_RUN, OUTPUT_DIGEST, RAN
from pipelines.metadata.recipe_keys import code_digest
from pipelines.reproduce.recorded_run import RecordedRun

EQUAL, DIFFERENT, NOT_COMPARED = "equal", "different", "not compared"
SAME_CONTENT = "same content"  # only the code, commit or machine in a manifest are other ones
MAX_NAMED_FILES = 3
PUSHED_MODEL = "PushedModel"
# Files that name code, commit or machine in their text, and the properties of a run with them.
PAGES = {CARD, PUBLISHED, REPORT}
ORIGIN = ("git_commit", "git_dirty", "image_digest", "hardware")
# Nodes whose outputs depend on a baseline.
EVALUATED = ("DownstreamEvaluator", "ModelEvaluator", "ModelCardGen")


@dataclass(frozen=True)
class ArtifactComparison:
    """One artifact of the recorded run, and how that of the new run compares."""

    node: str
    output: str
    result: str  # EQUAL, SAME_CONTENT, DIFFERENT or NOT_COMPARED
    detail: str  # why it is not compared, or which files differ


def compare_bytes(
    archive: Archive, recorded: RecordedRun, new_archive: Archive, new_run: str
) -> Iterator[ArtifactComparison]:
    """Compare each artifact of a recorded run with the same output of a new run."""
    new = new_archive.graph.of_run(new_run)
    is_elsewhere = _is_elsewhere(archive, recorded, new_archive, new_run)
    has_baseline = any(BASELINE in archive.inputs(e) for e in recorded.executions.values())
    for node, execution in recorded.executions.items():
        for key, artifact in _outputs(archive, execution).items():
            again = _outputs(new_archive, new[node]).get(key) if node in new else None
            if artifact.type_name == MODEL_RUN:
                result, detail = NOT_COMPARED, "a log with times"
            elif node not in new:  # the recorded run stopped early
                result, detail = NOT_COMPARED, "the last node of the run does not depend on it"
            elif again is None:
                result, detail = DIFFERENT, "was not made"
            else:
                result, detail = _compare(archive, artifact, new_archive, again)
                folders = archive.folder(artifact), new_archive.folder(again)
                if result == DIFFERENT and is_elsewhere:
                    result, detail = judge_origin(*folders) or (result, detail)
            if result == DIFFERENT and has_baseline and node in EVALUATED:
                result = NOT_COMPARED
                detail = "the run had an earlier model to compare with, and a new workdir has none"
            yield ArtifactComparison(node, key, result, detail)


def _outputs(archive: Archive, execution: Execution) -> dict[str, Artifact]:
    """Return what an execution wrote, by key; a resolver writes nothing."""
    if execution.state != RAN:
        return {}
    edges = archive.graph.outputs(execution.id)
    return {e.key: archive.graph.artifacts[e.artifact] for e in edges if e.kind == "output"}


def _compare(
    archive: Archive, artifact: Artifact, new_archive: Archive, again: Artifact
) -> tuple[str, str]:
    folders = archive.folder(artifact), new_archive.folder(again)
    if artifact.type_name == PUSHED_MODEL:  # the folder holds a record with paths and a version
        before, after = (read_json(f / PUBLISHED).get("content_digest") for f in folders)
    else:
        before = archive.properties(artifact).get(OUTPUT_DIGEST)
        after = new_archive.properties(again).get(OUTPUT_DIGEST)
    if before is None:
        return NOT_COMPARED, "has no digest on record"
    if before == after:
        return EQUAL, ""
    if not folders[0].is_dir():
        return DIFFERENT, "the old folder is gone"
    names = list(_differing_files(*folders))
    rest = len(names) - MAX_NAMED_FILES
    more = f" and {rest} more" if rest > 0 else ""
    return DIFFERENT, ", ".join(names[:MAX_NAMED_FILES]) + more


def _is_elsewhere(
    archive: Archive, recorded: RecordedRun, new_archive: Archive, new_run: str
) -> bool:
    """Return whether the new run has another code, commit or machine."""
    then, now = archive.origin(recorded.run.id), new_archive.origin(new_run)
    if any(then.get(name) != now.get(name) for name in ORIGIN):
        return True
    new = new_archive.graph.of_run(new_run)
    digests = {node: code_digest(new_archive.settings(e)) for node, e in new.items()}
    return any(digests.get(node) != digest for node, digest in recorded.code_digests().items())


def judge_origin(before: Path, after: Path) -> tuple[str, str] | None:
    """Return result and detail if two folders differ only in files that name their origin.

    Returns:
        None if they differ in more.
    """
    names = {name.rpartition("/")[2] for name in _differing_files(before, after)}
    if names == {MANIFEST}:
        manifests = [manifest for f in (before, after) if (manifest := find_manifest(f))]
        if len({manifest.content_digest() for manifest in manifests}) == 1:
            return SAME_CONTENT, "only the origin in its manifest differs"
    if names and names <= PAGES:
        return NOT_COMPARED, "names its origin, which differs"
    return None


def _differing_files(before: Path, after: Path) -> Iterator[str]:
    old, new = _digests(before), _digests(after)
    for name in sorted(old | new):
        if old.get(name) != new.get(name):
            yield name


def _digests(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): file_digest(str(path)) for path in paths}
