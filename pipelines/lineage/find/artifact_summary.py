"""An artifact to a few words: what a reader most wants to know of it."""

from collections.abc import Callable, Mapping
from typing import Any

from core.manifest import Manifest
from core.wording import compact, number, plural
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution

# Artifact types by the noun of the pipeline's flow; the two kinds of Examples are told apart.
NOUNS = {
    "ExampleStatistics": "statistics",
    "Schema": "schema",
    "ExampleAnomalies": "validation",
    "components.Vocabulary": "vocabulary",
    "components.CorpusReport": "corpus report",
    "Model": "model",
    "ModelRun": "training log",
    "ModelEvaluation": "evaluation",
    "ModelBlessing": "blessing",
    "components.ModelCard": "model card",
    "PushedModel": "publication",
}


def noun(artifact: Artifact, producer: Execution | None) -> str:
    """What the artifact is, as "documents"."""
    if artifact.type_name == "Examples":
        made_by = producer.node_id if producer else ""
        return "documents" if made_by == "TextExampleGen" else "instances"
    return NOUNS.get(artifact.type_name, artifact.type_name.rpartition(".")[2])


def artifact_words(archive: Archive, artifact: Artifact) -> str:
    """What is in it, as "127 documents, 2,182 sentences"; empty where nothing is known."""
    manifest = archive.manifest(artifact)
    if manifest and manifest.kind in _BY_KIND:
        return _BY_KIND[manifest.kind](manifest)
    return _by_properties(archive.properties(artifact))


def _documents(manifest: Manifest) -> str:
    total = _sum(manifest, "documents"), _sum(manifest, "sentences")
    return f"{plural(total[0], 'document', 'documents')}, {number(total[1])} sentences"


def _vocabulary(manifest: Manifest) -> str:
    size = manifest.facts.get("vocab_size")
    return f"{number(size)} pieces" if isinstance(size, int) else ""


def _instances(manifest: Manifest) -> str:
    form = manifest.facts.get("form", "")
    told = f"{number(_sum(manifest, 'instances'))} instances"
    return f"{told}, {form} masking" if form else told


def _model(manifest: Manifest) -> str:
    facts = manifest.facts
    parameters, steps = facts.get("parameters"), facts.get("steps")
    told = [f"{compact(parameters)} parameters"] if isinstance(parameters, int) else []
    return ", ".join(told + ([f"{number(steps)} steps"] if isinstance(steps, int) else []))


def _sum(manifest: Manifest, counter: str) -> int:
    return sum(counts.get(counter, 0) for counts in manifest.counts.values())


def _by_properties(properties: Mapping[str, Any]) -> str:
    if "masked_lm_loss" in properties:
        told = f"loss {properties['masked_lm_loss']:.3f}"
        unigram = properties.get("unigram_loss")
        return f"{told}, unigram {unigram:.3f}" if unigram is not None else told
    if "pushed" in properties:
        version = properties.get("pushed_version")
        return f"version {version}" if properties["pushed"] and version else "not published"
    if isinstance(properties.get("blessed"), int):
        return "blessed" if properties["blessed"] else "not blessed"
    return ""


_BY_KIND: dict[str, Callable[[Manifest], str]] = {
    "documents": _documents,
    "vocabulary": _vocabulary,
    "instances": _instances,
    "model": _model,
}
