"""Tests of the emulator itself: metadata and custom jobs with Google's clients, filters, faults."""

import time
from contextlib import nullcontext
from typing import Any

import pytest
import requests
from google.api_core.exceptions import BadRequest, Conflict, NotFound
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1

from pipelines.spec_runner.processes.training_service import ENDED
from tests.pipelines.vertex.conftest import PROJECT, REGION
from tests.vertex_server import VertexServer
from tests.vertex_server.filters import FilterError, matches

PARENT = f"projects/{PROJECT}/locations/{REGION}"  # as requests may name it
STORE = f"{PARENT}/metadataStores/default"


def client(kind: type, server: VertexServer):
    return kind(
        credentials=AnonymousCredentials(), transport="rest",
        client_options={"api_endpoint": server.url},
    )  # fmt: skip


def test_metadata_stores_nodes_events_and_lineage(server: VertexServer) -> None:
    """Text → [train] → model → [evaluate] → blessing, all in one run."""
    store = client(v1.MetadataServiceClient, server)
    names = {}
    for node_id, title in (("text", "tfx.Examples"), ("model", "tfx.Model"),
                           ("blessing", "tfx.ModelBlessing")):  # fmt: skip
        artifact = v1.Artifact(schema_title=title, uri=f"gs://b/{node_id}", metadata={"blessed": 1})
        made = store.create_artifact(parent=STORE, artifact=artifact, artifact_id=node_id)
        names[node_id] = made.name
    for node_id in ("train", "evaluate"):
        execution = v1.Execution(display_name=node_id, state=v1.Execution.State.COMPLETE)
        names[node_id] = store.create_execution(
            parent=STORE, execution=execution, execution_id=node_id
        ).name
    kind = v1.Event.Type
    for execution, artifact, way in (("train", "text", kind.INPUT), ("train", "model", kind.OUTPUT),
                                     ("evaluate", "model", kind.INPUT),
                                     ("evaluate", "blessing", kind.OUTPUT)):  # fmt: skip
        store.add_execution_events(
            execution=names[execution], events=[v1.Event(artifact=names[artifact], type_=way)]
        )
    run = store.create_context(
        parent=STORE, context=v1.Context(schema_title="system.PipelineRun"), context_id="run-1"
    )
    store.add_context_artifacts_and_executions(
        context=run.name, artifacts=[names["model"]], executions=[names["train"]]
    )

    def artifacts(expression: str) -> list[str]:
        listed = store.list_artifacts(
            request={"parent": STORE, "filter": expression, "page_size": 1}
        )
        return [artifact.name.rsplit("/")[-1] for artifact in listed]

    assert artifacts('schema_title="tfx.Model" AND metadata.blessed.number_value=1') == ["model"]
    assert artifacts(f'in_context("{run.name}")') == ["model"]
    assert sorted(artifacts("")) == ["blessing", "model", "text"]

    def lineage(hops: int | None) -> set[str]:
        request = {"artifact": names["text"], **({} if hops is None else {"max_hops": hops})}
        graph = store.query_artifact_lineage_subgraph(request=request)
        return {n.name.rsplit("/")[-1] for n in (*graph.artifacts, *graph.executions)}

    assert lineage(1) == {"text", "train"}
    assert lineage(2) == {"text", "train", "model"}
    assert lineage(None) == {"text", "train", "model", "evaluate", "blessing"}
    graph = store.query_execution_inputs_and_outputs(execution=names["evaluate"])
    assert {event.type_ for event in graph.events} == {kind.INPUT, kind.OUTPUT}
    graph = store.query_context_lineage_subgraph(context=run.name)
    assert [e.artifact for e in graph.events] == [names["model"]]
    with pytest.raises(Conflict):
        store.create_artifact(parent=STORE, artifact=v1.Artifact(), artifact_id="model")
    with pytest.raises(NotFound):
        store.get_artifact(name=f"{STORE}/artifacts/none")


def test_a_custom_job_is_run_by_the_tests_function(server: VertexServer) -> None:
    jobs = client(v1.JobServiceClient, server)
    seen = []

    def run(job: v1.CustomJob) -> None:
        seen.append(job.display_name)
        if job.display_name == "bad":
            raise RuntimeError("out of memory")

    server.on_custom_job = run
    pool = {
        "machine_spec": {"machine_type": "n2-standard-4"},
        "replica_count": 1,
        "container_spec": {"image_uri": "i"},
    }
    for name in ("good", "bad"):
        job = v1.CustomJob(display_name=name, job_spec={"worker_pool_specs": [pool]})
        jobs.create_custom_job(parent=PARENT, custom_job=job)
    while not all(job.state in ENDED for job in server.custom_jobs.values()):
        time.sleep(0.01)
    ended = {job.display_name: job for job in jobs.list_custom_jobs(parent=PARENT)}
    assert sorted(seen) == ["bad", "good"]
    assert ended["good"].state == v1.JobState.JOB_STATE_SUCCEEDED
    assert ended["bad"].state == v1.JobState.JOB_STATE_FAILED
    assert ended["bad"].error.message == "RuntimeError: out of memory"
    with pytest.raises(BadRequest, match="worker_pool_specs"):
        jobs.create_custom_job(parent=PARENT, custom_job=v1.CustomJob(display_name="empty"))


ROW = {
    "displayName": "weekly",
    "state": "ACTIVE",
    "metadata": {"blessed": 1.0},
    "labels": {"a": "b"},
}


@pytest.mark.parametrize(
    ("expression", "passes"),
    [
        ("", True),
        ('display_name="weekly"', True),
        ('displayName="weekly" AND state="PAUSED"', False),
        ('state="PAUSED" OR state="ACTIVE" AND displayName="weekly"', True),
        ('displayName="no" AND state="PAUSED" OR state="ACTIVE"', False),  # OR binds first
        ('(displayName="no" AND state="PAUSED") OR state="ACTIVE"', True),
        ('state=("PAUSED" OR "ACTIVE")', True),
        ("metadata.blessed.number_value=1", True),
        ("labels.a:*", True),
        ("labels.b:*", False),
        ('state!="ACTIVE"', False),
    ],
)
def test_filters_are_evaluated_like_the_service(expression: str, passes: bool) -> None:
    assert matches(expression, ROW) is passes


@pytest.mark.parametrize("expression", ["state=", "(state=1", "state 1", "state=1 2", "=", 'a="b'])
def test_broken_filters_are_refused(expression: str) -> None:
    with pytest.raises(FilterError):
        matches(expression, ROW)


@pytest.mark.parametrize(
    ("plural", "expression"),
    [
        ("pipelineJobs", 'schedule_name="x"'),
        ("pipelineJobs", 'NOT service_account="x"'),
        ("schedules", 'cron="0 3 * * 1"'),
        ("customJobs", 'end_time>"2026-01-01T00:00:00Z"'),
        ("metadataStores/default/artifacts", 'description="x"'),
    ],
)
def test_undocumented_filters_and_orders_are_refused(
    server: VertexServer, plural: str, expression: str
) -> None:
    url = f"{server.url}/v1/{PARENT}/{plural}"
    refused = requests.get(url, params={"filter": expression}, timeout=10)
    assert (refused.status_code, "is not supported" in refused.text) == (400, True)
    refused = requests.get(url, params={"orderBy": "labels desc"}, timeout=10)
    assert (refused.status_code, "Invalid order_by" in refused.text) == (400, True)
    assert requests.get(url, timeout=10).json() is not None


MACHINE = {"machine_type": "a2-highgpu-8g", "accelerator_type": "NVIDIA_TESLA_A100",
           "accelerator_count": 8}  # fmt: skip


@pytest.mark.parametrize(
    "wrong",
    [
        {**MACHINE, "accelerator_count": 4},
        {**MACHINE, "accelerator_type": "NVIDIA_H100_80GB"},
        {"machine_type": "a2-highgpu-8g"},
        {**MACHINE, "machine_type": "n2-standard-4"},
        {"machine_type": "ct5lp-hightpu-4t", "tpu_topology": "1x1"},
        {"machine_type": "cloud-tpu", "accelerator_type": "TPU_V2", "accelerator_count": 4},
        {"machine_type": "a3-highgpu-1g", "accelerator_type": "NVIDIA_H100_80GB",
         "accelerator_count": 1},  # not offered on demand
        {"machine_type": "z9-unknown"},
    ],
)  # fmt: skip
def test_machines_with_accelerators_that_they_cannot_have_are_refused(
    server: VertexServer, wrong: dict[str, Any]
) -> None:
    jobs = client(v1.JobServiceClient, server)
    for machine, refusal in ((MACHINE, nullcontext()), (wrong, pytest.raises(BadRequest))):
        pool = {"machine_spec": machine, "replica_count": 1, "container_spec": {"image_uri": "i"}}
        job = v1.CustomJob(display_name="x", job_spec={"worker_pool_specs": [pool]})
        with refusal:
            jobs.create_custom_job(parent=PARENT, custom_job=job)


def test_names_have_the_projects_number_and_cancelling_takes_time(server: VertexServer) -> None:
    jobs = client(v1.JobServiceClient, server)
    pool = {"machine_spec": MACHINE, "replica_count": 1, "container_spec": {"image_uri": "i"}}
    job = v1.CustomJob(display_name="x", job_spec={"worker_pool_specs": [pool]})
    name = jobs.create_custom_job(parent=PARENT, custom_job=job).name
    assert name.startswith(f"projects/{server.project_number}/")
    by_id = name.replace(server.project_number, PROJECT)
    jobs.cancel_custom_job(name=by_id)
    (listed,) = jobs.list_custom_jobs(parent=PARENT)
    assert listed.state == v1.JobState.JOB_STATE_CANCELLING
    assert jobs.get_custom_job(name=by_id).state == v1.JobState.JOB_STATE_CANCELLED


def test_a_lineage_of_more_than_a_thousand_artifacts_or_events_is_refused(
    server: VertexServer,
) -> None:
    store = client(v1.MetadataServiceClient, server)
    names = [
        store.create_artifact(parent=STORE, artifact=v1.Artifact(), artifact_id=f"a{n}").name
        for n in range(3)
    ]
    run = store.create_context(parent=STORE, context=v1.Context(), context_id="run").name
    for n in range(1001):
        server.artifacts[f"{names[0]}-{n}"] = v1.Artifact(name=f"{names[0]}-{n}")
    server.members[run] = set(names)
    assert len(store.query_context_lineage_subgraph(context=run).artifacts) == 3
    server.members[run] = set(server.artifacts)
    with pytest.raises(BadRequest, match="more than 1000 artifacts"):
        store.query_context_lineage_subgraph(context=run)
    execution = store.create_execution(parent=STORE, execution=v1.Execution(), execution_id="e")
    server.members[run] = {names[0], execution.name}
    server.events += [v1.Event(artifact=names[0], execution=execution.name)] * 1001
    with pytest.raises(BadRequest, match="more than 1000 events"):
        store.query_context_lineage_subgraph(context=run)


def test_a_request_to_another_services_host_is_refused(server: VertexServer) -> None:
    for host, status in (("us-central1-aiplatform", 200), ("logging", 404), ("aiplatform", 404)):
        url = f"{server.endpoint.replace('{service}', host)}/v1/{PARENT}/pipelineJobs"
        assert requests.get(url, timeout=10).status_code == status
