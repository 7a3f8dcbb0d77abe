"""The Trainer's task on Vertex AI runs one job, reports its end, and cancels it when stopped."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import aiplatform_v1 as v1
from tfx.extensions.google_cloud_ai_platform import training_clients
from tfx.types import standard_artifacts

from components.phased_trainer import executor as phased_trainer
from components.tfx_internals import training_jobs
from components.vertex_trainer import launch
from components.vertex_trainer.executor import Executor, InPlaceExecutor
from components.vertex_trainer.launch import TrainingJobError
from components.vertex_trainer.overrides import OverrideError
from core.errors import StoppedError
from core.manifest import Manifest
from core.provenance import VERTEX_TASK
from pipelines.machines.presets import preset, presets
from pipelines.vertex.compile.worker_pools import worker_pools
from tests.vertex_server import VertexServer
from trainer.job import TrainingJob, read_job
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings

IMAGE = "us-docker.pkg.dev/p/textmill/trainer@sha256:" + "ab" * 32
OUTPUT = "gs://b/t/123/weekly-20261124/Trainer_-77/model"
NETWORK = "projects/123456789012/global/networks/shared"
MANIFEST = Manifest(kind="instances", shards={}, counts={}, facts={})
State = v1.JobState


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[VertexServer]:
    with VertexServer() as server:

        def client(client_options: dict[str, str]) -> Any:
            assert client_options["api_endpoint"] == "us-central1-aiplatform.googleapis.com"
            return v1.JobServiceClient(
                transport="rest",
                credentials=AnonymousCredentials(),
                client_options={"api_endpoint": server.url},
            )

        monkeypatch.setattr(training_clients.gapic, "JobServiceClient", client)
        monkeypatch.setattr(launch, "POLL_SECONDS", 0.02)
        # The instances of these tests are on a store that does not exist.
        monkeypatch.setattr("trainer.job.read_manifest", lambda folder: MANIFEST)
        yield server


def properties(machine: str = "cpu", **values: Any) -> dict[str, Any]:
    training = TrainingSettings(
        model=ModelSettings(),
        masking=MaskingSettings(),
        trainer=TrainerSettings(steps=100, warmup_steps=10),
        seed=7,
        checkpoint_root="",
        code_digest="code",
    )
    job = {
        "display_name": "textmill-weekly",
        "labels": {"textmill_recipe": "weekly"},
        "job_spec": {
            "worker_pool_specs": worker_pools(preset(machine), IMAGE, 100),
            "scheduling": {"strategy": "SPOT"},
        },
    }
    config = {
        "ai_platform_enable_vertex": True,
        "training": training.model_dump_json(),
        "launch": {"max_wait_hours": 24.0, "outage_minutes": 0.01},
    }
    return {
        "run_fn": "trainer.run_fn.run_fn",
        "train_args": "{}",
        "eval_args": "{}",
        "custom_config": json.dumps({**config, "ai_platform_training_args": job}),
        "code_digest": "launcher",
        "project": "acme-nlp",
        "region": "us-central1",
        "service_account": "",
        "network": "",
        "checkpoint_root": "gs://b/t/checkpoints/weekly",
        "steps": 100,
        "warmup_steps": 10,
        "learning_rate": 1e-4,
        "global_batch_size": 256,
        "seed": 7,
        "model_size": "tiny",
        **values,
    }


def train(given: dict[str, Any]) -> None:
    examples, model, run = (
        standard_artifacts.Examples(), standard_artifacts.Model(), standard_artifacts.ModelRun(),
    )  # fmt: skip
    examples.uri, model.uri, run.uri = "gs://b/instances", OUTPUT, OUTPUT.replace("model", "run")
    examples.split_names = '["train", "eval"]'
    Executor().Do({"examples": [examples]}, {"model": [model], "model_run": [run]}, given)


def only_job(server: VertexServer) -> v1.CustomJob:
    (job,) = server.custom_jobs.values()
    return job


def training_job(pool: v1.WorkerPoolSpec) -> TrainingJob:
    *command, job = pool.container_spec.command
    assert command == ["python", "-m", "trainer"]
    return read_job(job)


def training_of(job: v1.CustomJob) -> TrainingSettings:
    return training_job(job.job_spec.worker_pool_specs[0]).settings


@pytest.mark.parametrize("machine", sorted(presets()))
def test_the_job_of_every_preset_is_complete(server: VertexServer, machine: str) -> None:
    train(
        properties(
            machine, service_account="trainer@acme-nlp.iam.gserviceaccount.com", network=NETWORK
        )
    )
    job = only_job(server)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert job.name.startswith("projects/123456789012/locations/us-central1/")
    assert job.labels["textmill_recipe"] == "weekly"
    assert job.job_spec.service_account == "trainer@acme-nlp.iam.gserviceaccount.com"
    assert job.job_spec.network == NETWORK
    pools = job.job_spec.worker_pool_specs
    assert [p.replica_count for p in pools] == [1, preset(machine).hosts - 1][: len(pools)]
    for pool in pools:
        assert pool.machine_spec.machine_type == preset(machine).machine_type
        training = training_job(pool)
        assert training.instances == ("gs://b/instances",)
        assert training.model == f"{OUTPUT}/Format-Serving"
        assert training.run == OUTPUT.replace("model", "run")
        assert training.latest_blessed is None


def test_values_of_the_submission_reach_the_trainer(server: VertexServer) -> None:
    train(properties(steps=400, learning_rate=0.01, seed=9, model_size="mini"))
    settings = training_of(only_job(server))
    assert (settings.trainer.steps, settings.trainer.learning_rate) == (400, 0.01)
    assert (settings.seed, settings.model.size) == (9, "mini")
    assert settings.checkpoint_root == "gs://b/t/checkpoints/weekly"
    assert only_job(server).job_spec.service_account == ""


def test_an_invalid_value_starts_no_job(server: VertexServer) -> None:
    with pytest.raises(OverrideError, match="parameter steps"):
        train(properties(steps=0))
    with pytest.raises(OverrideError, match="warmup_steps"):
        train(properties(steps=5))
    assert not server.custom_jobs


def test_on_kubeflow_the_task_itself_trains(monkeypatch: pytest.MonkeyPatch) -> None:
    taken = {}

    def do(_: Any, inputs: Any, outputs: Any, given: dict[str, Any]) -> None:
        taken.update(json.loads(given["custom_config"]))

    monkeypatch.setattr(phased_trainer.Executor, "Do", do)
    InPlaceExecutor().Do({}, {}, properties(steps=400, region="", project=""))
    assert "ai_platform_training_args" not in taken
    assert TrainingSettings.model_validate_json(taken["training"]).trainer.steps == 400
    with pytest.raises(OverrideError, match="parameter steps"):
        InPlaceExecutor().Do({}, {}, properties(steps=0))


def test_a_failure_names_its_cause_and_its_log(server: VertexServer) -> None:
    def fail(job: v1.CustomJob) -> None:
        raise RuntimeError("replica workerpool0-0 exited with 1")

    server.on_custom_job = fail
    with pytest.raises(TrainingJobError) as failed:
        train(properties())
    message = str(failed.value)
    assert "replica workerpool0-0 exited with 1" in message
    assert "console.cloud.google.com/vertex-ai/locations/us-central1/training/" in message
    assert "A retry continues from the last checkpoint" in message


def wait_until_stopped(job: v1.CustomJob) -> None:
    deadline = time.monotonic() + 20
    while job.state == State.JOB_STATE_RUNNING and time.monotonic() < deadline:
        time.sleep(0.01)


def test_a_stopped_task_cancels_its_job(server: VertexServer) -> None:
    """Otherwise the job would keep running and costing, and no task would use its model."""
    server.on_custom_job = wait_until_stopped

    def stop_us() -> None:
        while not server.custom_jobs or only_job(server).state != State.JOB_STATE_RUNNING:
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    threading.Thread(target=stop_us).start()
    with pytest.raises(StoppedError) as stopped:
        train(properties())
    assert stopped.value.code == 128 + signal.SIGTERM
    assert only_job(server).state == State.JOB_STATE_CANCELLED
    assert signal.getsignal(signal.SIGTERM) == before


def running_copy(server: VertexServer, **labels: str) -> v1.CustomJob:
    """Train once; then return the job as if it were still running, with other labels."""
    train(properties())
    job = only_job(server)
    job.state = State.JOB_STATE_RUNNING
    job.labels.update(labels)
    server.custom_jobs[job.name] = job
    return job


def test_a_retry_adopts_the_running_job_of_the_first_attempt(server: VertexServer) -> None:
    """Two jobs would write the same checkpoints, and a new one would lose steps."""
    first = running_copy(server)
    train(properties())
    assert list(server.custom_jobs.values()) == [first]
    assert first.state == State.JOB_STATE_SUCCEEDED
    assert not server.calls("POST", ":cancel")


def test_a_retry_cancels_a_job_that_writes_to_other_folders(server: VertexServer) -> None:
    first = running_copy(server)
    first.job_spec.worker_pool_specs[0].container_spec.command = ["python", "-m", "other"]
    server.on_custom_job = lambda _: None
    train(properties())
    states = sorted(job.state.name for job in server.custom_jobs.values())
    assert states == ["JOB_STATE_CANCELLED", "JOB_STATE_SUCCEEDED"]


def test_a_job_of_another_run_with_the_same_checkpoints_is_refused(server: VertexServer) -> None:
    other = running_copy(server, textmill_run="another-run")
    with pytest.raises(TrainingJobError, match="would write the same checkpoints") as refused:
        train(properties())
    assert f"training/{other.name.rpartition('/')[2]}" in str(refused.value)
    assert list(server.custom_jobs.values()) == [other]
    assert other.state == State.JOB_STATE_RUNNING
    train(properties(steps=200))  # other settings, other checkpoints


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_outage_is_survived(server: VertexServer, status: int) -> None:
    for path in ("customJobs$", r"customJobs/\d+$"):
        server.fault("GET", path, status, "Try again.", times=2)
    server.fault("POST", "customJobs$", status, "Try again.", times=1)
    train(properties())
    assert only_job(server).state == State.JOB_STATE_SUCCEEDED


def test_a_long_outage_leaves_the_job_to_the_retry(server: VertexServer) -> None:
    server.fault("GET", r"customJobs/\d+$", 503, "Down.", times=10_000)
    with pytest.raises(TrainingJobError, match="a retry of this task adopts it"):
        train(properties())
    job = only_job(server)
    assert not server.calls("POST", ":cancel")
    server.faults.clear()
    train(properties())
    assert only_job(server) == job


def test_a_server_that_never_answers_does_not_hold_the_task(
    server: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_jobs, "TIMEOUT_SECONDS", 0.2)
    server.silence("GET", "customJobs$")
    started = time.monotonic()
    with pytest.raises(TrainingJobError, match="has not answered"):
        train(properties())
    assert time.monotonic() - started < 15


def test_a_job_that_gets_no_machine_is_cancelled(server: VertexServer) -> None:
    given = properties()
    config = json.loads(given["custom_config"])
    config["launch"]["max_wait_hours"] = 1e-6
    server.has_machines = False
    with pytest.raises(TrainingJobError, match="got no machine within 1e-06 hours"):
        train({**given, "custom_config": json.dumps(config)})
    assert only_job(server).state == State.JOB_STATE_CANCELLING


def test_tensorboard_is_given_a_folder_of_events(server: VertexServer) -> None:
    given = properties()
    config = json.loads(given["custom_config"])
    board = "projects/acme-nlp/locations/us-central1/tensorboards/7"
    config["ai_platform_training_args"]["job_spec"]["tensorboard"] = board
    train({**given, "custom_config": json.dumps(config)})
    spec = only_job(server).job_spec
    folder = "gs://b/t/checkpoints/weekly/tensorboard/weekly-20261124"
    assert spec.base_output_directory.output_uri_prefix == folder


def test_the_labels_of_the_run_are_on_its_training_job(
    server: VertexServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VERTEX_TASK, '{"team": "nlp", "textmill_recipe": "other"}')
    train(properties())
    labels = only_job(server).labels
    assert labels["team"] == "nlp"
    assert labels["textmill_recipe"] == "weekly"
    assert labels["textmill_pipeline_job"] == "weekly-20261124"
