"""The archive to what the page holds: runs, executions and artifacts as plain, harmless values."""

import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import quote

from core.safe_text import shorten, visible
from core.wording import flatten
from pipelines.lineage.compare.compare import compare_runs, run_parts
from pipelines.lineage.find.artifact_summary import noun, summarize_artifact
from pipelines.lineage.find.run_list import RunRow, list_runs, run_ending, run_state
from pipelines.lineage.find.select import parent_model
from pipelines.lineage.page.dag_layout import lay_out
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Artifact, Execution, Run
from pipelines.metadata.names import CACHED, RAN
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json, recipe_settings

Plain = dict[str, Any]
FOUND = "found"  # the state of a resolver that did what it is there for
MOST_CHARACTERS = 400  # of a value; corpus text is no part of the page
# Files that a person opens, by artifact type.
OPENED = {
    "components.CorpusReport": "report.html",
    "components.ModelCard": "README.md",
    "ModelEvaluation": "metrics.json",
}


def page_contents(archive: Archive, beside: Path, most: int) -> Plain:
    """All that the page shows.

    Args:
        archive: the workdir's.
        beside: the folder of the page, which links to files are relative to.
        most: at most so many runs, the newest.
    """
    rows = list_runs(archive)[:most]
    runs = [archive.graph.runs[row.run] for row in rows if row.run in archive.graph.runs]
    executions = _true_executions(archive, runs)
    artifacts = _artifacts(archive, executions)
    contents = {
        "pipelines": {name: _dag(archive, name, runs) for name in {r.pipeline for r in runs}},
        "runs": [_run(archive, row, run) for row, run in zip(rows, runs, strict=True)],
        "executions": {str(e.id): told for e, told in _tell(archive, executions)},
        "artifacts": {str(a.id): _artifact(archive, a, beside) for a in artifacts},
        "older": max(0, len(archive.graph.runs) - len(rows)),
    }
    harmless: Plain = _harmless(contents)
    return harmless


def _true_executions(archive: Archive, runs: Iterable[Run]) -> list[Execution]:
    """Those that did the work; what is cached is shown as reuse of them."""
    graph = archive.graph
    found = (graph.true_execution(graph.executions[n]) for run in runs for n in run.executions)
    return list({execution.id: execution for execution in found}.values())


def _artifacts(archive: Archive, executions: Iterable[Execution]) -> list[Artifact]:
    graph = archive.graph
    edges = (
        edge for execution in executions
        for edge in (*graph.inputs(execution.id), *graph.outputs(execution.id))
    )  # fmt: skip
    numbers = dict.fromkeys(edge.artifact for edge in edges)
    return [graph.artifacts[number] for number in numbers]


def _dag(archive: Archive, pipeline: str, runs: Iterable[Run]) -> Plain:
    """One drawing for all runs of a pipeline, so that runs compare at a glance."""
    graph = archive.graph
    nodes: dict[str, None] = {}
    edges: set[tuple[str, str]] = set()
    for run in (run for run in runs if run.pipeline == pipeline):
        for node, execution in graph.of_run(run.id).items():
            nodes[node] = None
            found = [e for e in graph.outputs(execution.id) if e.kind == "found"]
            sources = [*graph.inputs(execution.id), *(e for e in found if e.key == "candidate")]
            for edge in sources:
                edges |= {(source, node) for source in _sources(archive, run, edge.artifact)}
    layout = lay_out(nodes, edges)
    return {**asdict(layout), "all_edges": sorted(edges)}


def _sources(archive: Archive, run: Run, artifact_id: int) -> Iterator[str]:
    """The nodes of this run that an artifact comes from: its writer, or who found it."""
    graph = archive.graph
    for number in run.executions:
        for edge in graph.outputs(number):
            if edge.artifact == artifact_id and edge.key != "candidate":
                yield graph.executions[number].node_id


def _run(archive: Archive, row: RunRow, run: Run) -> Plain:
    graph = archive.graph
    nodes = {}
    for node, execution in graph.of_run(run.id).items():
        true = graph.true_execution(execution)
        nodes[node] = {
            "state": FOUND if execution.looks_up and execution.state == RAN else execution.state,
            "execution": true.id,
            "from": true.run_id if execution.state == CACHED else None,
            "words": _node_words(archive, true),
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
    """Who and where; the recipe is told node by node."""
    origin = {k: parse_nested_json(v) for k, v in archive.origin(run.id).items() if k != "recipe"}
    return flatten({k: v for k, v in origin.items() if not k.startswith("git_")})


def _why(archive: Archive, run: Run) -> Plain | None:
    """How the run differs from the last good one before it, of the same pipeline."""
    runs = list(archive.graph.runs.values())
    earlier = [other for other in runs[: runs.index(run)] if other.pipeline == run.pipeline]
    good = (other for other in reversed(earlier) if run_state(archive, other) == "succeeded")
    than = next(good, earlier[-1] if earlier else None)
    if than is None:
        return None
    sentence = compare_runs(archive, than, run, read_documents=False).sentence
    return {"than": than.id, "sentence": sentence}


def _node_words(archive: Archive, execution: Execution) -> str:
    """The words of the first output that has any; an evaluation before its verdict."""
    outputs = sorted(archive.outputs(execution).items(), key=lambda pair: pair[0] != "evaluation")
    words = (summarize_artifact(archive, artifact) for _, artifact in outputs)
    return next((text for text in words if text), "")


def _tell(archive: Archive, executions: Iterable[Execution]) -> Iterator[tuple[Execution, Plain]]:
    wanted = list(executions)
    settings = archive.store.settings(execution.id for execution in wanted)
    for execution in wanted:
        properties = settings.get(execution.id, {})
        told = recipe_settings(execution.node_id, properties)
        parent = parent_model(archive, told)
        git = archive.notes(execution.run_id).git
        yield (
            execution,
            {
                "node": execution.node_id,
                "run": execution.run_id,
                "component": execution.type_name,
                "state": execution.state,
                "began": execution.began,
                "seconds": round(execution.ended - execution.began, 2),
                "settings": flatten(told),
                "parent": parent.id if parent else None,
                "code": code_digest(properties),
                "commit": git.get("commit"),
                "dirty": git.get("dirty"),
                "inputs": [[e.key, e.artifact] for e in archive.graph.inputs(execution.id)],
                "outputs": [[e.key, e.artifact] for e in archive.graph.outputs(execution.id)],
            },
        )


def _artifact(archive: Archive, artifact: Artifact, beside: Path) -> Plain:
    graph = archive.graph
    manifest = archive.manifest(artifact)
    producer = graph.producer(artifact.id)
    facts = flatten(manifest.facts) if manifest else {}
    counts = {split: counts for split, counts in manifest.counts.items()} if manifest else {}
    return {
        "noun": noun(artifact, producer),
        "type": artifact.type_name,
        "words": summarize_artifact(archive, artifact),
        "folder": archive.location(artifact),
        "exists": archive.exists(artifact),
        "created": artifact.created,
        "by": producer.id if producer else None,
        "properties": flatten(archive.properties(artifact)),
        "facts": {k: v for k, v in facts.items() if not k.startswith("settings.")},
        "digest": manifest.content_digest() if manifest else None,
        "counts": counts,
        "reuses": [execution.run_id for execution in graph.reuses(artifact.id)],
        "readers": [execution.id for execution in graph.readers(artifact.id)],
        "link": _link(archive, artifact, beside),
    }


def _link(archive: Archive, artifact: Artifact, beside: Path) -> str | None:
    path = archive.folder(artifact) / OPENED.get(artifact.type_name, "")
    if archive.is_remote or artifact.type_name not in OPENED or not path.is_file():
        return None
    return quote(os.path.relpath(path, beside))


def _harmless(value: Any) -> Any:
    """No control or bidi characters in any text, names of keys among them."""
    if isinstance(value, dict):
        return {shorten(visible(str(k)), MOST_CHARACTERS): _harmless(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_harmless(inner) for inner in value]
    return shorten(visible(value), MOST_CHARACTERS) if isinstance(value, str) else value
