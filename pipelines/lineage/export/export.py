"""Export lineage as OpenLineage events for other systems, or as one JSON graph."""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

from core.errors import InputError
from pipelines.lineage.find.run_list import list_runs
from pipelines.lineage.find.show import noun, summarize_artifact
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Run
from pipelines.metadata.recipe_keys import code_digest, recipe_settings

GRAPH_FORMAT = "textmill-lineage/1"


def open_lineage_lines(archive: Archive, runs: Iterable[Run], namespace: str) -> Iterator[str]:
    """Yield OpenLineage events as JSON, one per line, like the client's file transport."""
    from openlineage.client.serde import Serde

    from pipelines.lineage.export.open_lineage import open_lineage_events

    for event in open_lineage_events(archive, runs, namespace):
        yield Serde.to_json(event)


def send_open_lineage(archive: Archive, runs: Iterable[Run], namespace: str) -> int:
    """Send the events with OpenLineage's client; return how many were sent.

    The client reads OPENLINEAGE_URL, OPENLINEAGE_API_KEY or openlineage.yml.

    Raises:
        InputError: no system is configured that would receive them.
        requests.RequestException: the other system rejected them.
    """
    from openlineage.client import OpenLineageClient
    from openlineage.client.transport.noop import NoopTransport

    from pipelines.lineage.export.open_lineage import open_lineage_events

    client, sent = OpenLineageClient(), 0
    transport = client.config.transport or {}
    is_configured = transport.get("type") or os.environ.get("OPENLINEAGE_URL")
    if not is_configured or isinstance(client.transport, NoopTransport):
        raise InputError(
            "--send: no system is configured that would receive the events. Set OPENLINEAGE_URL, "
            "or write them to a file with --output."
        )
    for event in open_lineage_events(archive, runs, namespace):
        client.emit(event)
        sent += 1
    client.close()
    return sent


def graph_json(archive: Archive, runs: Iterable[Run]) -> str:
    """Return runs, executions, artifacts and edges with all their facts as one JSON object.

    It includes the executions that made the artifacts that these runs reused.
    """
    graph = archive.graph
    by_id = {run.id: run for run in runs}
    executions = _with_producers(archive, by_id.values())
    edges = [e for number in executions for e in (*graph.inputs(number), *graph.outputs(number))]
    artifacts = dict.fromkeys(edge.artifact for edge in edges)
    rows = {row.run: row for row in list_runs(archive)}
    settings = archive.store.settings(executions)
    content = {
        "format": GRAPH_FORMAT,
        "runs": [
            {
                **asdict(rows[run.id]),
                "executions": run.executions,
                "error": archive.notes(run.id).error,
                "git": archive.notes(run.id).git,
            }
            for run in by_id.values()
        ],
        "executions": [
            {
                **asdict(graph.executions[number]),
                "settings": recipe_settings(
                    graph.executions[number].node_id, settings.get(number, {})
                ),
                "code_digest": code_digest(settings.get(number, {})),
            }
            for number in executions
        ],
        "artifacts": [_artifact(archive, number) for number in artifacts],
        "edges": [asdict(edge) for edge in edges],
    }
    return json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)


def _with_producers(archive: Archive, runs: Iterable[Run]) -> list[int]:
    """Return the executions of the runs, and those that made their inputs and reused outputs."""
    graph = archive.graph
    executions = {number for run in runs for number in run.executions}
    used = [e.artifact for n in executions for e in (*graph.inputs(n), *graph.outputs(n))]
    for _, artifact in graph.walk(used, "upstream"):
        if producer := graph.producer(artifact.id):
            executions.add(producer.id)
    return sorted(executions)


def _artifact(archive: Archive, number: int) -> dict[str, Any]:
    artifact = archive.graph.artifacts[number]
    manifest = archive.manifest(artifact)
    return {
        **asdict(artifact),
        "noun": noun(artifact, archive.graph.producer(number)),
        "words": summarize_artifact(archive, artifact),
        "properties": archive.properties(artifact),
        "manifest": manifest.model_dump(mode="json") if manifest else None,
        "content_digest": manifest.content_digest() if manifest else None,
    }
