"""Summarize an artifact in a few words: what it is and how much it holds."""

from collections.abc import Callable, Mapping
from typing import Any

from core.manifest import Manifest
from core.wording import compact, number, plural
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution
from pipelines.metadata.names import PUSHED_VERSION

# By artifact type. Documents and instances are both of the type Examples.
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
    """Return what the artifact is, for example "documents"."""
    if artifact.type_name == "Examples":
        is_text = producer is not None and producer.node_id == "TextExampleGen"
        return "documents" if is_text else "instances"
    return NOUNS.get(artifact.type_name, artifact.type_name.rpartition(".")[2])


def summarize_artifact(archive: Archive, artifact: Artifact) -> str:
    """Return its size or result, for example "127 documents, 2,182 sentences"; may be empty."""
    manifest = archive.manifest(artifact)
    if manifest and manifest.kind in _BY_KIND:
        return _BY_KIND[manifest.kind](manifest)
    return _by_properties(archive.properties(artifact))


def _documents(manifest: Manifest) -> str:
    documents = plural(_sum(manifest, "documents"), "document", "documents")
    return f"{documents}, {number(_sum(manifest, 'sentences'))} sentences"


def _vocabulary(manifest: Manifest) -> str:
    size = manifest.facts.get("vocab_size")
    return f"{number(size)} pieces" if isinstance(size, int) else ""


def _instances(manifest: Manifest) -> str:
    form = manifest.facts.get("form", "")
    instances = f"{number(_sum(manifest, 'instances'))} instances"
    return f"{instances}, {form} masking" if form else instances


def _model(manifest: Manifest) -> str:
    parameters, steps = manifest.facts.get("parameters"), manifest.facts.get("steps")
    parts = [f"{compact(parameters)} parameters"] if isinstance(parameters, int) else []
    return ", ".join(parts + ([f"{number(steps)} steps"] if isinstance(steps, int) else []))


def _sum(manifest: Manifest, counter: str) -> int:
    return sum(counts.get(counter, 0) for counts in manifest.counts.values())


def _by_properties(properties: Mapping[str, Any]) -> str:
    if "masked_lm_loss" in properties:
        loss = f"loss {properties['masked_lm_loss']:.3f}"
        unigram = properties.get("unigram_loss")
        return f"{loss}, unigram {unigram:.3f}" if unigram is not None else loss
    if "pushed" in properties:
        version = properties.get(PUSHED_VERSION)
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
