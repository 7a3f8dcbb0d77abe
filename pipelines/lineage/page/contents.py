"""Collect the contents of the page: runs, executions and artifacts as plain, escaped values."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.file_names import CARD, DOWNSTREAM, METRICS, REPORT
from core.json_object import flatten_facts
from core.wording import shorten, visible
from pipelines.lineage.compare.compare import compare_runs, run_parts
from pipelines.lineage.find.run_list import RunRow, list_runs, run_ending, run_state
from pipelines.lineage.find.show import Plain, describe, describe_execution, summarize_artifact
from pipelines.lineage.page.dag_layout import lay_out
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution, Run
from pipelines.metadata.names import CACHED, RAN
from pipelines.metadata.recipe_keys import parse_nested_json

FOUND = "found"  # the page's state of a resolver that succeeded
MAX_CHARACTERS = 400  # of a value; the page holds no corpus text
CURVE = "task_scores"  # fact of a model: scores on downstream tasks at steps of its training
CANDIDATE = "candidate"  # output key of a resolver: the model to be compared with the one found
# Files that the page links to, by artifact type.
LINKED = {
    "components.CorpusReport": REPORT,
    "components.DownstreamEvaluation": DOWNSTREAM,
    "components.ModelCard": CARD,
    "ModelEvaluation": METRICS,
}


def page_contents(archive: Archive, beside: Path, limit: int) -> Plain:
    """Return everything that the page shows about the newest runs.

    Links to files are relative to the folder `beside`.
    """
    rows = list_runs(archive)[:limit]
    runs = [archive.graph.runs[row.run] for row in rows if row.run in archive.graph.runs]
    executions = _true_executions(archive, runs)
    artifacts = _artifacts(archive, executions)
    contents = {
        "pipelines": {name: _dag(archive, name, runs) for name in {r.pipeline for r in runs}},
        "runs": [_run(archive, row, run) for row, run in zip(rows, runs, strict=True)],
        "executions": {str(e.id): _execution(archive, e) for e in executions},
        "artifacts": {str(a.id): _artifact(archive, a, beside) for a in artifacts},
        "older": max(0, len(archive.graph.runs) - len(rows)),
    }
    escaped: Plain = _escape(contents)
    return escaped


def _true_executions(archive: Archive, runs: Iterable[Run]) -> list[Execution]:
    """Return the executions that did the work, instead of the cached ones that reused it."""
    graph = archive.graph
    executions = (graph.true_execution(graph.executions[n]) for run in runs for n in run.executions)
    return list({execution.id: execution for execution in executions}.values())


def _artifacts(archive: Archive, executions: Iterable[Execution]) -> list[Artifact]:
    graph = archive.graph
    edges = (
        edge for execution in executions
        for edge in (*graph.inputs(execution.id), *graph.outputs(execution.id))
    )  # fmt: skip
    numbers = dict.fromkeys(edge.artifact for edge in edges)
    return [graph.artifacts[number] for number in numbers]


def _dag(archive: Archive, pipeline: str, runs: Iterable[Run]) -> Plain:
    """Lay out one graph for all runs of a pipeline, so that runs compare at a glance."""
    graph = archive.graph
    nodes: dict[str, None] = {}
    edges: set[tuple[str, str]] = set()
    for run in (run for run in runs if run.pipeline == pipeline):
        for node, execution in graph.of_run(run.id).items():
            nodes[node] = None
            candidates = [e for e in graph.outputs(execution.id) if e.key == CANDIDATE]
            for edge in (*graph.inputs(execution.id), *candidates):
                edges |= {(source, node) for source in _sources(archive, run, edge.artifact)}
            for edge in candidates:
                edges |= {(node, reader) for reader in _readers(archive, run, edge.artifact)}
    return {**asdict(lay_out(nodes, edges)), "all_edges": sorted(edges)}


def _sources(archive: Archive, run: Run, artifact_id: int) -> Iterator[str]:
    """Yield the nodes of a run that wrote, reused or looked up an artifact."""
    graph = archive.graph
    for number in run.executions:
        for edge in graph.outputs(number):
            if edge.artifact == artifact_id and edge.key != CANDIDATE:
                yield graph.executions[number].node_id


def _readers(archive: Archive, run: Run, artifact_id: int) -> Iterator[str]:
    """Yield the first node of a run that reads an artifact.

    For a resolver's candidate this is the evaluator, also if the resolver found no other model.
    """
    graph = archive.graph
    for number in run.executions:
        if any(edge.artifact == artifact_id for edge in graph.inputs(number)):
            yield graph.executions[number].node_id
            return


def _run(archive: Archive, row: RunRow, run: Run) -> Plain:
    graph = archive.graph
    nodes = {}
    for node, execution in graph.of_run(run.id).items():
        original = graph.true_execution(execution)
        nodes[node] = {
            "state": FOUND if execution.looks_up and execution.state == RAN else execution.state,
            "execution": original.id,
            "from": original.run_id if execution.state == CACHED else None,
            "words": _summarize_node(archive, original),
        }
    notes = archive.notes(run.id)
    return {
        **asdict(row),
        "nodes": nodes,
        "ending": run_ending(archive, run),
        "error": notes.error,
        "git": notes.git,
        "origin": _origin(archive, run),
        "why": _why(archive, run),
        "parts": run_parts(archive, run),
    }


def _origin(archive: Archive, run: Run) -> dict[str, str]:
    """Return user and machine; the recipe is shown node by node."""
    origin = {k: parse_nested_json(v) for k, v in archive.origin(run.id).items() if k != "recipe"}
    return flatten_facts({k: v for k, v in origin.items() if not k.startswith("git_")})


def _why(archive: Archive, run: Run) -> Plain | None:
    """Explain how a run differs from the last successful run of its pipeline before it."""
    runs = list(archive.graph.runs.values())
    earlier = [other for other in runs[: runs.index(run)] if other.pipeline == run.pipeline]
    succeeded = (other for other in reversed(earlier) if run_state(archive, other) == "succeeded")
    reference = next(succeeded, earlier[-1] if earlier else None)
    if reference is None:
        return None
    sentence = compare_runs(archive, reference, run, read_documents=False).sentence
    return {"than": reference.id, "sentence": sentence}


def _summarize_node(archive: Archive, execution: Execution) -> str:
    """Return the first summary among a node's outputs; an evaluation comes before its blessing."""
    outputs = sorted(archive.outputs(execution).items(), key=lambda pair: pair[0] != "evaluation")
    summaries = (summarize_artifact(archive, artifact) for _, artifact in outputs)
    return next((summary for summary in summaries if summary), "")


def _execution(archive: Archive, execution: Execution) -> Plain:
    graph = archive.graph
    description = describe_execution(archive, execution)
    return {
        **description,
        "settings": flatten_facts(description["settings"]),
        "inputs": [[edge.key, edge.artifact] for edge in graph.inputs(execution.id)],
        "outputs": [[edge.key, edge.artifact] for edge in graph.outputs(execution.id)],
    }


def _artifact(archive: Archive, artifact: Artifact, beside: Path) -> Plain:
    graph = archive.graph
    manifest = archive.manifest(artifact)
    producer = graph.producer(artifact.id)
    facts = flatten_facts(manifest.facts) if manifest else {}
    return {
        **describe(archive, artifact),
        "by": producer.id if producer else None,
        "properties": flatten_facts(archive.properties(artifact)),
        "facts": {k: v for k, v in facts.items() if not k.startswith(("settings.", CURVE))},
        "curve": manifest.facts.get(CURVE, []) if manifest else [],
        "digest": manifest.content_digest() if manifest else None,
        "counts": dict(manifest.counts) if manifest else {},
        "reuses": [execution.run_id for execution in graph.reuses(artifact.id)],
        "readers": [execution.id for execution in graph.readers(artifact.id)],
        "link": _link(archive, artifact, beside),
    }


def _link(archive: Archive, artifact: Artifact, beside: Path) -> str | None:
    path = archive.folder(artifact) / LINKED.get(artifact.type_name, "")
    if archive.is_remote or artifact.type_name not in LINKED or not path.is_file():
        return None
    return quote(os.path.relpath(path, beside))


def _escape(value: Any) -> Any:
    """Replace control and bidi characters in all texts and keys, and shorten long ones."""
    if isinstance(value, dict):
        return {shorten(visible(str(k)), MAX_CHARACTERS): _escape(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_escape(inner) for inner in value]
    return shorten(visible(value), MAX_CHARACTERS) if isinstance(value, str) else value
