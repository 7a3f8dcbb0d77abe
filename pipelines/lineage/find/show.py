"""A run or an artifact to all that is known of it, and the chain it stands in."""

from collections.abc import Iterator
from typing import Any

from pipelines.lineage.find.artifact_summary import artifact_words, noun
from pipelines.lineage.find.run_list import run_state
from pipelines.lineage.find.select import parent_model
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Direction, Execution, Run
from pipelines.metadata.names import BASELINE
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json, recipe_settings

Plain = dict[str, Any]


def show(archive: Archive, found: Run | Artifact, direction: Direction, depth: int | None) -> Plain:
    """All that is known, as plain values; `print_show` makes text of it.

    Args:
        archive: the workdir's.
        found: from `select`.
        direction: of the chain of an artifact.
        depth: how many executions the chain goes; None to its end.
    """
    if isinstance(found, Run):
        return _show_run(archive, found)
    producer = archive.graph.producer(found.id)
    readers = archive.graph.readers(found.id)
    return {
        "kind": "artifact",
        **describe(archive, found),
        "properties": archive.properties(found),
        "facts": _facts(archive, found),
        "made_by": describe_execution(archive, producer) if producer else None,
        "reused_by": [execution.run_id for execution in archive.graph.reuses(found.id)],
        "read_by": [f"{e.node_id} of {e.run_id}" for e in readers],
        "direction": direction,
        "chain": list(_chain(archive, found, direction, depth)),
    }


def describe(archive: Archive, artifact: Artifact) -> Plain:
    """One artifact in a line."""
    return {
        "id": artifact.id,
        "noun": noun(artifact, archive.graph.producer(artifact.id)),
        "type": artifact.type_name,
        "words": artifact_words(archive, artifact),
        "folder": archive.location(artifact),
        "exists": archive.exists(artifact),
        "created": artifact.created,
    }


def describe_execution(archive: Archive, execution: Execution) -> Plain:
    """One execution with its settings and code."""
    properties = archive.store.settings([execution.id]).get(execution.id, {})
    graph = archive.graph
    settings = recipe_settings(execution.node_id, properties)
    parent = parent_model(archive, settings)
    return {
        "id": execution.id,
        "node": execution.node_id,
        "run": execution.run_id,
        "state": execution.state,
        "began": execution.began,
        "seconds": round(execution.ended - execution.began, 3),
        "component": execution.type_name,
        "code_digest": code_digest(properties),
        "commit": archive.notes(execution.run_id).git.get("commit"),
        "dirty": archive.notes(execution.run_id).git.get("dirty"),
        "settings": settings,
        "started_from": parent.id if parent else None,  # a model
        "inputs": {edge.key: edge.artifact for edge in graph.inputs(execution.id)},
        "outputs": {edge.key: edge.artifact for edge in graph.outputs(execution.id)},
    }


def _show_run(archive: Archive, run: Run) -> Plain:
    notes = archive.notes(run.id)
    origin = {name: parse_nested_json(value) for name, value in archive.origin(run.id).items()}
    nodes = []
    for execution in archive.graph.of_run(run.id).values():
        true = archive.graph.true_execution(execution)
        outputs = archive.outputs(execution)
        nodes.append(
            {
                **describe_execution(archive, execution),
                "from_run": true.run_id,
                "made": {key: describe(archive, artifact) for key, artifact in outputs.items()},
            }
        )
    return {
        "kind": "run",
        "run": run.id,
        "pipeline": run.pipeline,
        "began": run.began,
        "state": run_state(archive, run),
        "error": notes.error,
        "git": notes.git,
        "origin": origin,
        "nodes": nodes,
    }


def _chain(
    archive: Archive, artifact: Artifact, direction: Direction, depth: int | None
) -> Iterator[Plain]:
    """The artifacts of the walk, nearest first, each with what made it."""
    for distance, reached in archive.graph.walk([artifact.id], direction, depth):
        producer = archive.graph.producer(reached.id)
        told = describe(archive, reached)
        if producer:
            edges = archive.graph.inputs(producer.id)
            told["made_by"] = describe_execution(archive, producer)
            told["made_from"] = [edge.artifact for edge in edges if edge.key != BASELINE]
            told["compared_with"] = [edge.artifact for edge in edges if edge.key == BASELINE]
        yield {"distance": distance, **told}


def _facts(archive: Archive, artifact: Artifact) -> Plain:
    manifest = archive.manifest(artifact)
    if manifest is None:
        return {}
    return {**manifest.facts, "content_digest": manifest.content_digest()}
