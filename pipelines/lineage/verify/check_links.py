"""Check artifacts against each other and against ML Metadata: do they still belong together?"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from components.publisher.publish import check_version
from components.text_example_gen.reading.fingerprint import PREFIX
from core import storage
from core.errors import InputError
from core.file_names import CARD, METRICS, PUBLISHED
from core.json_object import read_json
from core.manifest import MANIFEST, Manifest, read_manifest
from core.vocabulary.vocabulary import read_files_digest
from pipelines.lineage.verify.check_folder import Mismatch, check_manifest
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import local_folder, manifest_folder
from pipelines.metadata.graph import Artifact, Execution
from pipelines.metadata.names import PUSHED_DESTINATION, PUSHED_VERSION
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json

# Settings of the Trainer that may differ from the model's manifest: a folder, and a digest that
# the manifest records as a fact of its own.
NOT_COMPARED = {"checkpoint_root", "code_digest"}
ROUNDING = 5e-6  # metrics are recorded with six digits


def check_links(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    """Compare what an artifact records about its inputs, code and results with the originals.

    All bytes of an artifact on an object store were compared with ML Metadata; only the published
    model, which is not part of the artifact, is left.
    """
    producer = archive.graph.producer(artifact.id)
    if producer is None:
        return
    if storage.is_remote(artifact.uri):
        yield from _check_remote_publication(archive, artifact)
        return
    manifest = archive.manifest(artifact)
    if manifest is not None:
        path = str((manifest_folder(archive.folder(artifact)) or Path()) / MANIFEST)
        for problem in _check_manifest_links(archive, artifact, producer, manifest):
            yield Mismatch("changed", path, problem, artifact.id)
    if artifact.type_name == "ModelEvaluation":
        yield from _check_evaluation(archive, artifact)
    if artifact.type_name == "ModelBlessing":
        yield from _check_blessing(archive, artifact)
    if artifact.type_name == "PushedModel":
        yield from _check_publication(archive, artifact, producer)


def _check_remote_publication(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    folder = str(archive.properties(artifact).get(PUSHED_DESTINATION, ""))
    if not storage.is_remote(folder):
        return
    try:
        check_version(folder)
    except InputError as error:
        yield Mismatch("changed", folder, str(error), artifact.id)


def _check_manifest_links(
    archive: Archive, artifact: Artifact, producer: Execution, manifest: Manifest
) -> Iterator[str]:
    inputs = archive.inputs(producer)
    facts = manifest.facts
    for fact, key in (("documents_digest", "documents"), ("instances_digest", "examples")):
        source = archive.manifest(inputs[key]) if key in inputs else None
        if fact in facts and source and facts[fact] != source.content_digest():
            yield f"was made from {fact.partition('_')[0]} other than artifact {inputs[key].id}"
    if "vocabulary" in inputs and "vocabulary_digest" in facts:
        used = read_files_digest(str(archive.folder(inputs["vocabulary"])))
        if used != facts["vocabulary_digest"]:
            yield f"was made with a vocabulary other than artifact {inputs['vocabulary'].id}"
        copy = read_files_digest(str(archive.folder(artifact) / "vocabulary"))
        if copy != facts["vocabulary_digest"]:
            yield "has a different copy of the vocabulary next to it"
    source = archive.manifest(inputs["examples"]) if manifest.kind == "model" else None
    if source and facts.get("vocabulary_digest") != source.facts.get("vocabulary_digest"):
        yield "has a vocabulary other than its instances"
    yield from _compare_with_store(archive, artifact, producer, manifest)


def _compare_with_store(
    archive: Archive, artifact: Artifact, producer: Execution, manifest: Manifest
) -> Iterator[str]:
    settings = archive.settings(producer)
    code = code_digest(settings)
    if code and manifest.facts.get("code_digest") != code:
        yield "names different code than ML Metadata"
    fingerprint = str(settings.get("input_fingerprint", ""))
    # Text on an object store has a fingerprint of another kind.
    if fingerprint.startswith(PREFIX) and manifest.facts.get("corpus_digest") != fingerprint:
        yield "names a different text than ML Metadata"
    if manifest.kind == "model" and not _has_same_settings(settings, manifest):
        yield "names different settings than ML Metadata"
    properties = archive.properties(artifact)
    for split, counts in manifest.counts.items():
        for counter, count in counts.items():
            recorded = properties.get(f"{split}_{counter}", count)
            if recorded != count:
                yield f"says {count} {counter} in {split}, but ML Metadata says {recorded}"


def _has_same_settings(properties: Mapping[str, Any], manifest: Manifest) -> bool:
    config = parse_nested_json(properties.get("custom_config"))
    requested = config.get("training") if isinstance(config, dict) else None
    recorded = manifest.facts.get("settings")
    if not isinstance(requested, dict) or not isinstance(recorded, dict):
        return True
    return {k: v for k, v in requested.items() if k not in NOT_COMPARED} == {
        k: v for k, v in recorded.items() if k not in NOT_COMPARED
    }


def _check_evaluation(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    path = archive.folder(artifact) / METRICS
    metrics = read_json(path).get("metrics")
    if not isinstance(metrics, dict):
        yield Mismatch("missing", str(path), "has no readable metrics", artifact.id)
        return
    for name, recorded in archive.properties(artifact).items():
        if not isinstance(recorded, int | float):
            continue
        value = metrics.get(name, math.nan)
        number = value if isinstance(value, int | float) else math.nan
        if not math.isclose(number, recorded, rel_tol=ROUNDING, abs_tol=ROUNDING):
            problem = f"says {name} is {value}, but ML Metadata says {recorded}"
            yield Mismatch("changed", str(path), problem, artifact.id)


def _check_blessing(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    blessed = archive.properties(artifact).get("blessed")
    if blessed is None:
        return
    path = archive.folder(artifact) / ("BLESSED" if blessed else "NOT_BLESSED")
    if archive.folder(artifact).is_dir() and not path.is_file():
        state = "blessed" if blessed else "not blessed"
        problem = f"is gone, but ML Metadata says that the model is {state}"
        yield Mismatch("changed", str(path), problem, artifact.id)


def _check_publication(
    archive: Archive, artifact: Artifact, producer: Execution
) -> Iterator[Mismatch]:
    properties = archive.properties(artifact)
    note = archive.folder(artifact) / PUBLISHED
    content = read_json(note)
    if bool(properties.get("pushed")) != bool(content.get("pushed")):
        problem = "does not agree with ML Metadata on whether the model is published"
        yield Mismatch("changed", str(note), problem, artifact.id)
    if not properties.get(PUSHED_DESTINATION):
        return
    folder, noted = (
        local_folder(str(place), archive.workdir)
        for place in (properties[PUSHED_DESTINATION], content.get("folder"))
    )
    facts: dict[str, tuple[Any, Any]] = {"folder": (noted, folder)}
    facts["version"] = content.get("version"), properties[PUSHED_VERSION]
    for name, (on_note, recorded) in facts.items():
        if on_note != recorded:
            problem = f"says {name} {on_note}, but ML Metadata says {recorded}"
            yield Mismatch("changed", str(note), problem, artifact.id)
    for mismatch in _check_published(archive, folder, content, archive.inputs(producer)):
        yield replace(mismatch, artifact=artifact.id)


def _check_published(
    archive: Archive, folder: Path, note: Mapping[str, Any], inputs: Mapping[str, Artifact]
) -> Iterator[Mismatch]:
    if not (folder / MANIFEST).is_file():
        yield Mismatch("missing", str(folder), "the published model is gone or incomplete")
        return
    yield from check_manifest(folder)
    try:
        manifest = read_manifest(str(folder))
    except InputError:
        return
    path = str(folder / MANIFEST)
    if note.get("content_digest") != manifest.content_digest():
        yield Mismatch("changed", path, "its content is not what was published")
    model = archive.manifest(inputs["model"]) if "model" in inputs else None
    if model and manifest.facts.get("model_digest") != model.content_digest():
        yield Mismatch("changed", path, "is not of the model that the run published")
    yield from _check_card(archive, folder, inputs)
    yield from _check_latest(folder.parent)


def _check_card(
    archive: Archive, folder: Path, inputs: Mapping[str, Artifact]
) -> Iterator[Mismatch]:
    if "model_card" not in inputs:
        return
    written = archive.folder(inputs["model_card"]) / CARD
    published = folder / CARD
    if not written.is_file():
        yield Mismatch("missing", str(written), "the model card is gone")
    elif published.is_file() and written.read_bytes() != published.read_bytes():
        yield Mismatch("changed", str(written), "is not the card that was published")


def _check_latest(destination: Path) -> Iterator[Mismatch]:
    path = destination / "latest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = read_manifest(str(destination / str(content["version"])))
        is_right = content["content_digest"] == manifest.content_digest()
    except (OSError, ValueError, KeyError, TypeError, InputError):
        is_right = False
    if not is_right:
        yield Mismatch("changed", str(path), "does not name a complete version")
