"""Describe a run or an artifact: in a few words, or with its ancestors or descendants."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from core.format_numbers import format_compact, format_count, format_number
from core.manifest import Manifest
from pipelines.lineage.find.run_list import run_state
from pipelines.lineage.find.select import parent_model
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Direction, Execution, Run
from pipelines.metadata.names import BASELINE, PUSHED_VERSION, TEXT_NODE
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json, recipe_settings

Plain = dict[str, Any]
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
    "components.DownstreamEvaluation": "downstream evaluation",
    "components.ModelCard": "model card",
    "PushedModel": "publication",
}


def show(
    archive: Archive, selected: Run | Artifact, direction: Direction, depth: int | None
) -> Plain:
    """Return everything on record about a run or artifact, as plain values.

    `direction` chooses which relatives of an artifact to list, and `depth` limits their distance.
    """
    if isinstance(selected, Run):
        return _show_run(archive, selected)
    producer = archive.graph.producer(selected.id)
    readers = archive.graph.readers(selected.id)
    return {
        "kind": "artifact",
        **describe(archive, selected),
        "properties": archive.properties(selected),
        "facts": _facts(archive, selected),
        "made_by": describe_execution(archive, producer) if producer else None,
        "reused_by": [execution.run_id for execution in archive.graph.reuses(selected.id)],
        "read_by": [f"{e.node_id} of {e.run_id}" for e in readers],
        "direction": direction,
        "chain": list(_chain(archive, selected, direction, depth)),
    }


def describe(archive: Archive, artifact: Artifact) -> Plain:
    """Return the main facts of one artifact."""
    return {
        "id": artifact.id,
        "noun": noun(artifact, archive.graph.producer(artifact.id)),
        "type": artifact.type_name,
        "words": summarize_artifact(archive, artifact),
        "folder": archive.location(artifact),
        "exists": archive.exists(artifact),
        "created": artifact.created,
    }


def describe_execution(archive: Archive, execution: Execution) -> Plain:
    """Return the facts of one execution, with its settings and code."""
    properties = archive.settings(execution)
    graph = archive.graph
    settings = recipe_settings(execution.node_id, properties)
    parent = parent_model(archive, settings)
    git = archive.notes(execution.run_id).git
    return {
        "id": execution.id,
        "node": execution.node_id,
        "run": execution.run_id,
        "state": execution.state,
        "began": execution.began,
        "seconds": round(execution.ended - execution.began, 3),
        "component": execution.type_name,
        "code_digest": code_digest(properties),
        "commit": git.get("commit"),
        "dirty": git.get("dirty"),
        "settings": settings,
        "started_from": parent.id if parent else None,  # a model
        "inputs": {edge.key: edge.artifact for edge in graph.inputs(execution.id)},
        "outputs": {edge.key: edge.artifact for edge in graph.outputs(execution.id)},
    }


def _show_run(archive: Archive, run: Run) -> Plain:
    notes = archive.notes(run.id)
    nodes = [
        {
            **describe_execution(archive, execution),
            "from_run": archive.graph.true_execution(execution).run_id,
            "made": {
                key: describe(archive, artifact)
                for key, artifact in archive.outputs(execution).items()
            },
        }
        for execution in archive.graph.of_run(run.id).values()
    ]
    return {
        "kind": "run",
        "run": run.id,
        "pipeline": run.pipeline,
        "began": run.began,
        "state": run_state(archive, run),
        "error": notes.error,
        "git": notes.git,
        "origin": {k: parse_nested_json(value) for k, value in archive.origin(run.id).items()},
        "nodes": nodes,
    }


def _chain(
    archive: Archive, start: Artifact, direction: Direction, depth: int | None
) -> Iterator[Plain]:
    """Yield the artifacts of the walk, nearest first, each with its producer."""
    for distance, artifact in archive.graph.walk([start.id], direction, depth):
        producer = archive.graph.producer(artifact.id)
        link = {"distance": distance, **describe(archive, artifact)}
        if producer:
            edges = archive.graph.inputs(producer.id)
            link["made_by"] = describe_execution(archive, producer)
            link["made_from"] = [edge.artifact for edge in edges if edge.key != BASELINE]
            link["compared_with"] = [edge.artifact for edge in edges if edge.key == BASELINE]
        yield link


def _facts(archive: Archive, artifact: Artifact) -> Plain:
    manifest = archive.manifest(artifact)
    if manifest is None:
        return {}
    return {**manifest.facts, "content_digest": manifest.content_digest()}


def noun(artifact: Artifact, producer: Execution | None) -> str:
    """Return what the artifact is, for example "documents"."""
    if artifact.type_name == "Examples":
        is_text = producer is not None and producer.node_id == TEXT_NODE
        return "documents" if is_text else "instances"
    return NOUNS.get(artifact.type_name, artifact.type_name.rpartition(".")[2])


def summarize_artifact(archive: Archive, artifact: Artifact) -> str:
    """Return its size or result, for example "127 documents, 2,182 sentences"; may be empty."""
    manifest = archive.manifest(artifact)
    if manifest and manifest.kind in _BY_KIND:
        return _BY_KIND[manifest.kind](manifest)
    return _by_properties(archive.properties(artifact))


def _documents(manifest: Manifest) -> str:
    documents = format_count(_sum(manifest, "documents"), "document", "documents")
    return f"{documents}, {format_number(_sum(manifest, 'sentences'))} sentences"


def _vocabulary(manifest: Manifest) -> str:
    size = manifest.facts.get("vocab_size")
    return f"{format_number(size)} pieces" if isinstance(size, int) else ""


def _instances(manifest: Manifest) -> str:
    form = manifest.facts.get("form", "")
    instances = f"{format_number(_sum(manifest, 'instances'))} instances"
    return f"{instances}, {form} masking" if form else instances


def _model(manifest: Manifest) -> str:
    parameters, steps = manifest.facts.get("parameters"), manifest.facts.get("steps")
    parts = [f"{format_compact(parameters)} parameters"] if isinstance(parameters, int) else []
    return ", ".join(parts + ([f"{format_number(steps)} steps"] if isinstance(steps, int) else []))


def _sum(manifest: Manifest, counter: str) -> int:
    return sum(counts.get(counter, 0) for counts in manifest.counts.values())


def _by_properties(properties: Mapping[str, Any]) -> str:
    if "masked_lm_loss" in properties:
        loss = f"loss {properties['masked_lm_loss']:.3f}"
        unigram = properties.get("unigram_loss")
        return f"{loss}, unigram {unigram:.3f}" if unigram is not None else loss
    metrics = (".accuracy", ".macro_f1", ".matthews")  # of downstream tasks, after fine-tuning
    if scores := [name for name in properties if name.endswith(metrics)]:
        return ", ".join(f"{name} {properties[name]:.3f}" for name in sorted(scores))
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
