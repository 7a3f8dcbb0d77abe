"""Google's client starts, watches, lists and cancels custom jobs that run on this machine."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipelines.spec_runner.processes.replicas import ReplicaRunner
from pipelines.spec_runner.processes.run_process import Processes
from pipelines.spec_runner.processes.training_service import CustomJobs, TrainingService
from pipelines.spec_runner.spec.buckets import Buckets

PARENT = "projects/p/locations/us-central1"
PRINT_ENVIRONMENT = """
import json, os, sys
names = ("TF_CONFIG", "CLUSTER_SPEC", "AIP_CHECKPOINT_DIR", "PLACE")
print(json.dumps({name: os.environ.get(name) for name in names} | {"arguments": sys.argv[1:]}))
"""


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[ReplicaRunner]:
    processes = Processes()
    yield ReplicaRunner(processes, Buckets(tmp_path / "gs"), tmp_path / "logs")
    processes.stop_all()


@pytest.fixture
def client(replicas: ReplicaRunner, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Google's own client, as TFX uses it in a container of run-spec."""
    from google.cloud.aiplatform import gapic

    from components.tfx_internals import training_endpoint

    service = TrainingService(CustomJobs(replicas.run))
    monkeypatch.setenv(training_endpoint.ENDPOINT, service.endpoint)
    with service.serving():
        yield training_endpoint.LocalGapic(gapic).JobServiceClient(
            client_options={"api_endpoint": "x"}
        )


def pool(code: str, *arguments: str, replicas: int = 1) -> dict[str, Any]:
    environment = [{"name": "PLACE", "value": "gs://bucket/x"}]
    container = {
        "image_uri": "any/image",
        "command": ["python", "-c", code],
        "args": list(arguments),
        "env": environment,
    }
    return {
        "machine_spec": {"machine_type": "a2-highgpu-1g"},
        "replica_count": replicas,
        "container_spec": container,
    }


def start(client: Any, *pools: dict[str, Any], **spec: Any) -> Any:
    job = {
        "display_name": "train",
        "labels": {"run": "r1"},
        "job_spec": {"worker_pool_specs": list(pools), **spec},
    }
    return client.create_custom_job(parent=PARENT, custom_job=job)


def wait(client: Any, name: str) -> Any:
    deadline = time.monotonic() + 60
    while (job := client.get_custom_job(name=name)).state == job.state.JOB_STATE_RUNNING:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return job


def test_replicas_run_with_the_cluster_in_their_environment(client: Any, tmp_path: Path) -> None:
    base = {"output_uri_prefix": "gs://bucket/out"}
    pools = (pool(PRINT_ENVIRONMENT, "gs://bucket/data"), pool(PRINT_ENVIRONMENT, replicas=2))
    started = start(client, *pools, base_output_directory=base)
    job = wait(client, started.name)
    assert job.state == job.state.JOB_STATE_SUCCEEDED
    assert job.display_name == "train"
    assert job.job_spec.worker_pool_specs[1].replica_count == 2
    logs = sorted((tmp_path / "logs").glob("*.log"))
    assert [log.name for log in logs] == [
        "custom-job-1.chief-0.log", "custom-job-1.worker-0.log", "custom-job-1.worker-1.log",
    ]  # fmt: skip
    printed = [json.loads(log.read_text()) for log in logs]
    assert printed[0]["arguments"] == [f"{tmp_path}/gs/bucket/data"]
    assert {each["PLACE"] for each in printed} == {f"{tmp_path}/gs/bucket/x"}
    assert printed[0]["AIP_CHECKPOINT_DIR"] == f"{tmp_path}/gs/bucket/out/checkpoints/"
    configs = [json.loads(each["TF_CONFIG"]) for each in printed]
    assert [c["task"] for c in configs] == [
        {"type": "chief", "index": 0},
        {"type": "worker", "index": 0},
        {"type": "worker", "index": 1},
    ]
    clusters = [c["cluster"] for c in configs]
    assert clusters[0] == clusters[1] == clusters[2]
    addresses = clusters[0]["chief"] + clusters[0]["worker"]
    assert len(set(addresses)) == 3
    spec = json.loads(printed[2]["CLUSTER_SPEC"])
    assert spec["task"] == {"type": "workerpool1", "index": 1}
    assert spec["cluster"]["workerpool0"] + spec["cluster"]["workerpool1"] == addresses


def test_a_replica_that_fails_ends_the_others_and_says_why(
    replicas: ReplicaRunner, client: Any
) -> None:
    fails = "import sys; print('out of luck'); sys.exit(4)"
    waits = "import time; time.sleep(600)"
    job = wait(client, start(client, pool(waits), pool(fails)).name)
    assert job.state == job.state.JOB_STATE_FAILED
    assert job.error.message == "worker 0 failed with exit code 4: out of luck"
    failed = replicas.last_failure
    assert failed is not None
    assert failed.name == "custom-job-1.worker-0.log"


def test_a_job_ends_at_its_time_limit_or_when_it_is_cancelled(client: Any) -> None:
    waits = "import time; time.sleep(600)"
    late = start(client, pool(waits), scheduling={"timeout": "1s"})
    cancelled = start(client, pool(waits))
    client.cancel_custom_job(name=cancelled.name)
    ended = wait(client, cancelled.name)
    assert ended.state == ended.state.JOB_STATE_CANCELLED
    ended = wait(client, late.name)
    assert ended.state == ended.state.JOB_STATE_FAILED
    assert "took longer than its 1 s" in ended.error.message


def test_jobs_are_found_by_their_labels(client: Any) -> None:
    started = start(client, pool(""))
    for label, names in (("r1", [started.name]), ("r2", [])):
        request = {"parent": PARENT, "filter": f'labels.run="{label}"'}
        assert [job.name for job in client.list_custom_jobs(request=request)] == names
    wait(client, started.name)
