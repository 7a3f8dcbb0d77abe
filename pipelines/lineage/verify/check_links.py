"""Artifacts against each other and against ML Metadata: do they still belong together?"""

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from core.errors import InputError
from core.json_object import read_json
from core.manifest import MANIFEST, Manifest, read_manifest
from pipelines.lineage.verify.check_folder import check_manifest, vocabulary_digest
from pipelines.lineage.verify.mismatch import Mismatch
from pipelines.metadata.archive import Archive
from pipelines.metadata.folders import local_folder, manifest_folder
from pipelines.metadata.graph import Artifact, Execution
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json

# Of the Trainer's settings: where it works, and a digest that has a fact of its own.
NOT_OF_THE_MODEL = {"checkpoint_root", "code_digest"}
ROUNDING = 5e-6  # metrics are recorded with six digits


def check_links(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    """What an artifact says of its inputs, its code and itself, compared with them."""
    producer = archive.graph.producer(artifact.id)
    if producer is None:
        return
    manifest = archive.manifest(artifact)
    if manifest is not None:
        path = str((manifest_folder(archive.folder(artifact)) or Path()) / MANIFEST)
        for told in _manifest_links(archive, artifact, producer, manifest):
            yield Mismatch("changed", path, told, artifact.id)
    if artifact.type_name == "ModelEvaluation":
        yield from _evaluation(archive, artifact)
    if artifact.type_name == "ModelBlessing":
        yield from _blessing(archive, artifact)
    if artifact.type_name == "PushedModel":
        yield from _publication(archive, artifact, producer)


def _manifest_links(
    archive: Archive, artifact: Artifact, producer: Execution, manifest: Manifest
) -> Iterator[str]:
    inputs = archive.inputs(producer)
    facts = manifest.facts
    for fact, key in (("documents_digest", "documents"), ("instances_digest", "examples")):
        source = archive.manifest(inputs[key]) if key in inputs else None
        if fact in facts and source and facts[fact] != source.content_digest():
            yield f"was made from other {fact.partition('_')[0]} than artifact {inputs[key].id}"
    if "vocabulary" in inputs and "vocabulary_digest" in facts:
        if facts["vocabulary_digest"] != vocabulary_digest(archive.folder(inputs["vocabulary"])):
            yield f"was made with another vocabulary than artifact {inputs['vocabulary'].id}"
        copy = vocabulary_digest(archive.folder(artifact) / "vocabulary")
        if copy != facts["vocabulary_digest"]:
            yield "the copy of the vocabulary beside it is another one"
    source = archive.manifest(inputs["examples"]) if manifest.kind == "model" else None
    if source and facts.get("vocabulary_digest") != source.facts.get("vocabulary_digest"):
        yield "is of another vocabulary than its instances"
    yield from _records(archive, artifact, producer, manifest)


def _records(
    archive: Archive, artifact: Artifact, producer: Execution, manifest: Manifest
) -> Iterator[str]:
    """The manifest against what ML Metadata says of the same."""
    told = archive.store.settings([producer.id]).get(producer.id, {})
    known = archive.properties(artifact)
    code = code_digest(told)
    if code and manifest.facts.get("code_digest") != code:
        yield "names other code than ML Metadata"
    fingerprint = told.get("input_fingerprint")
    if fingerprint and manifest.facts.get("corpus_digest") != fingerprint:
        yield "names another text than ML Metadata"
    if manifest.kind == "model":
        yield from _training(told, manifest)
    for split, counts in manifest.counts.items():
        for counter, count in counts.items():
            said = known.get(f"{split}_{counter}", count)
            if said != count:
                yield f"says {count} {counter} in {split}, and ML Metadata says {said}"


def _training(told: Mapping[str, Any], manifest: Manifest) -> Iterator[str]:
    config = parse_nested_json(told.get("custom_config"))
    training = config.get("training") if isinstance(config, dict) else None
    settings = manifest.facts.get("settings")
    if isinstance(training, dict) and isinstance(settings, dict):
        asked = {name: value for name, value in training.items() if name not in NOT_OF_THE_MODEL}
        told_of = {name: value for name, value in settings.items() if name not in NOT_OF_THE_MODEL}
        if asked != told_of:
            yield "names other settings than ML Metadata"


def _evaluation(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    path = archive.folder(artifact) / "metrics.json"
    metrics = read_json(path).get("metrics")
    if not isinstance(metrics, dict):
        yield Mismatch("missing", str(path), "there are no metrics that can be read", artifact.id)
        return
    for name, recorded in archive.properties(artifact).items():
        if not isinstance(recorded, int | float):
            continue
        value = metrics.get(name, math.nan)
        number = value if isinstance(value, int | float) else math.nan
        if not math.isclose(number, recorded, rel_tol=ROUNDING, abs_tol=ROUNDING):
            told = f"says {name} is {value}, and ML Metadata says {recorded}"
            yield Mismatch("changed", str(path), told, artifact.id)


def _blessing(archive: Archive, artifact: Artifact) -> Iterator[Mismatch]:
    blessed = archive.properties(artifact).get("blessed")
    if blessed is None:
        return
    path = archive.folder(artifact) / ("BLESSED" if blessed else "NOT_BLESSED")
    if archive.folder(artifact).is_dir() and not path.is_file():
        told = f"ML Metadata says the model is {'' if blessed else 'not '}blessed; the file is gone"
        yield Mismatch("changed", str(path), told, artifact.id)


def _publication(archive: Archive, artifact: Artifact, producer: Execution) -> Iterator[Mismatch]:
    known = archive.properties(artifact)
    note = archive.folder(artifact) / "published.json"
    said = read_json(note)
    if bool(known.get("pushed")) != bool(said.get("pushed")):
        told = "does not say what ML Metadata says of being published"
        yield Mismatch("changed", str(note), told, artifact.id)
    if not known.get("pushed_destination"):
        return
    for name in ("folder", "version"):
        recorded = known["pushed_destination" if name == "folder" else "pushed_version"]
        if said.get(name) != recorded:
            told = f"says {name} {said.get(name)}, and ML Metadata says {recorded}"
            yield Mismatch("changed", str(note), told, artifact.id)
    folder = local_folder(str(known["pushed_destination"]), archive.workdir)
    for finding in _published(archive, folder, said, archive.inputs(producer)):
        yield replace(finding, artifact=artifact.id)


def _published(
    archive: Archive, folder: Path, said: Mapping[str, Any], inputs: Mapping[str, Artifact]
) -> Iterator[Mismatch]:
    if not (folder / MANIFEST).is_file():
        yield Mismatch("missing", str(folder), "the published model is gone or not complete")
        return
    yield from check_manifest(folder)
    try:
        manifest = read_manifest(str(folder))
    except InputError:
        return
    path = str(folder / MANIFEST)
    if said.get("content_digest") != manifest.content_digest():
        yield Mismatch("changed", path, "its content is not what was published")
    model = archive.manifest(inputs["model"]) if "model" in inputs else None
    if model and manifest.facts.get("model_digest") != model.content_digest():
        yield Mismatch("changed", path, "is not of the model that the run published")
    yield from _card(archive, folder, inputs)
    yield from _latest(folder.parent)


def _card(archive: Archive, folder: Path, inputs: Mapping[str, Artifact]) -> Iterator[Mismatch]:
    if "model_card" not in inputs:
        return
    written = archive.folder(inputs["model_card"]) / "README.md"
    shown = folder / "README.md"
    if not written.is_file():
        yield Mismatch("missing", str(written), "the model card is gone")
    elif shown.is_file() and written.read_bytes() != shown.read_bytes():
        yield Mismatch("changed", str(written), "is not the card that was published")


def _latest(destination: Path) -> Iterator[Mismatch]:
    path = destination / "latest.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        manifest = read_manifest(str(destination / str(content["version"])))
        right = content["content_digest"] == manifest.content_digest()
    except (OSError, ValueError, KeyError, TypeError, InputError):
        right = False
    if not right:
        yield Mismatch("changed", str(path), "does not name a version that is whole")
