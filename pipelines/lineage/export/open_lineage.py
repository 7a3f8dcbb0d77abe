"""Convert the graph to OpenLineage events, using OpenLineage's own client.

    Run         START … COMPLETE, FAIL or ABORT of the job "<pipeline>"
    Execution   START … COMPLETE, FAIL or ABORT of the job "<pipeline>.<node>", child of the run
    Artifact    an input or output dataset, named by its folder like OpenLineage's files

A cached node gives no event; a tag of its run names the run whose output it reused.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from openlineage.client import event_v2 as ol
from openlineage.client.generated.base import RunFacet
from openlineage.client.generated.error_message_run import ErrorMessageRunFacet
from openlineage.client.generated.execution_parameters_run import (
    ExecutionParameter,
    ExecutionParametersRunFacet,
)
from openlineage.client.generated.job_type_job import JobTypeJobFacet
from openlineage.client.generated.parent_run import Job as ParentJob
from openlineage.client.generated.parent_run import ParentRunFacet
from openlineage.client.generated.parent_run import Run as ParentRun
from openlineage.client.generated.processing_engine_run import ProcessingEngineRunFacet
from openlineage.client.generated.tags_run import TagsRunFacet, TagsRunFacetFields

from core.json_object import flatten_facts
from pipelines.lineage.export.open_lineage_data import SOURCE, read_by, written_by
from pipelines.lineage.find.run_list import run_state
from pipelines.metadata.archive import Archive
from pipelines.metadata.graph import Execution, Run
from pipelines.metadata.names import CACHED, FAILED, RAN, RUNNING
from pipelines.metadata.recipe_keys import code_digest, parse_nested_json, recipe_settings

PRODUCER = f"pkg:generic/textmill@{version('textmill')}"  # a package URL
NAMESPACE = "textmill"  # default for jobs
# Run ids depend only on the run and the node, so that a second export repeats the first.
IDS = uuid.uuid5(uuid.NAMESPACE_URL, "pkg:generic/textmill#lineage")
ENDINGS = {RAN: ol.RunState.COMPLETE, "succeeded": ol.RunState.COMPLETE, FAILED: ol.RunState.FAIL}


def open_lineage_events(
    archive: Archive, runs: Iterable[Run], namespace: str = NAMESPACE
) -> Iterator[ol.RunEvent]:
    """Yield the events of runs, oldest first.

    Give each workdir its own namespace of jobs if several report to one system.

    Yields:
        For each run, START, the events of its nodes, and its final event. The final event of a
        run or node in progress is RUNNING.
    """
    ol.set_producer(PRODUCER)  # for the facets; the client has one per process
    for run in runs:
        yield from _run_events(archive, run, namespace)


def _run_events(archive: Archive, run: Run, namespace: str) -> Iterator[ol.RunEvent]:
    job = ol.Job(namespace, run.pipeline or "unknown", {"jobType": _job_type("DAG")})
    of_run = ol.Run(_run_id(run), _run_facets(archive, run))
    executions = [archive.graph.executions[number] for number in run.executions]
    yield _event(ol.RunState.START, run.began, of_run, job)
    for execution in executions:
        if execution.state != CACHED and not execution.looks_up:
            yield from _node_events(archive, run, execution, namespace)
    ended = max((execution.ended for execution in executions), default=run.began)
    yield _event(_ending(run_state(archive, run)), ended, of_run, job)


def _node_events(
    archive: Archive, run: Run, execution: Execution, namespace: str
) -> Iterator[ol.RunEvent]:
    name = f"{run.pipeline}.{execution.node_id}"
    job = ol.Job(namespace, name, {"jobType": _job_type("TASK")})
    properties = archive.settings(execution)
    settings = recipe_settings(execution.node_id, properties)
    parent = ParentRunFacet(ParentRun(_run_id(run)), ParentJob(namespace, run.pipeline))
    facets: dict[str, RunFacet] = {
        "parent": parent,
        "executionParameters": ExecutionParametersRunFacet(
            [ExecutionParameter(key=k, value=v) for k, v in flatten_facts(settings).items()]
        ),
        "tags": _run_tags({"code_digest": code_digest(properties)}),
    }
    of_node = ol.Run(str(uuid.uuid5(IDS, f"{run.id}/{execution.node_id}/{execution.id}")), facets)
    inputs = read_by(archive, execution, settings, properties)
    yield _event(ol.RunState.START, execution.began, of_node, job, inputs)
    outputs = written_by(archive, execution)
    yield _event(_ending(execution.state), execution.ended, of_node, job, inputs, outputs)


def _event(
    kind: ol.RunState, seconds: float, run: ol.Run, job: ol.Job,
    inputs: list[ol.InputDataset] | None = None, outputs: list[ol.OutputDataset] | None = None,
) -> ol.RunEvent:  # fmt: skip
    time = datetime.fromtimestamp(seconds, tz=UTC).isoformat(timespec="milliseconds")
    return ol.RunEvent(
        eventTime=time, producer=PRODUCER, run=run, job=job, eventType=kind,
        inputs=inputs or [], outputs=outputs or [],
    )  # fmt: skip


def _ending(state: str) -> ol.RunState:
    if state == RUNNING:
        return ol.RunState.RUNNING
    return ENDINGS.get(state, ol.RunState.ABORT)


def _run_id(run: Run) -> str:
    return str(uuid.uuid5(IDS, run.id))


def _job_type(kind: str) -> JobTypeJobFacet:
    return JobTypeJobFacet(processingType="BATCH", integration=SOURCE, jobType=kind)


def _run_facets(archive: Archive, run: Run) -> dict[str, RunFacet]:
    notes = archive.notes(run.id)
    of_run = archive.graph.of_run(run.id)
    reused = {
        f"reused.{node}": archive.graph.true_execution(execution).run_id
        for node, execution in of_run.items() if execution.state == CACHED
    }  # fmt: skip
    git = {f"git.{name}": value for name, value in notes.git.items()}
    tags = _run_tags({"run": run.id, **git, **_origin(archive, run), **reused})
    facets: dict[str, RunFacet] = {"tags": tags}
    if tfx_version := _tfx_version(archive, run):
        facets["processing_engine"] = ProcessingEngineRunFacet(tfx_version, name="tfx")
    if notes.error:
        facets["errorMessage"] = ErrorMessageRunFacet(notes.error, programmingLanguage="Python")
    return facets


def _tfx_version(archive: Archive, run: Run) -> str | None:
    """Return the version of TFX, which TFX records with each artifact."""
    edges = (edge for number in run.executions for edge in archive.graph.outputs(number))
    first = next((edge.artifact for edge in edges if edge.kind == "output"), None)
    if first is None:
        return None
    return archive.store.properties([first], ("tfx_version",)).get(first, {}).get("tfx_version")


def _origin(archive: Archive, run: Run) -> dict[str, Any]:
    """Return the origin of a run without facts that other facets and tags hold."""
    elsewhere = {"recipe", "git_commit", "git_dirty"}
    origin = archive.origin(run.id)
    return {k: parse_nested_json(value) for k, value in origin.items() if k not in elsewhere}


def _run_tags(values: Mapping[str, Any]) -> TagsRunFacet:
    tags = flatten_facts({name: value for name, value in values.items() if value is not None})
    return TagsRunFacet([TagsRunFacetFields(k, v, source=SOURCE) for k, v in tags.items()])
