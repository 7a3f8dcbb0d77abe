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
from components.vertex_trainer import launch
from components.vertex_trainer.executor import Executor, InPlaceExecutor
from components.vertex_trainer.launch import TrainingJobError
from components.vertex_trainer.overrides import OverrideError
from core.errors import StoppedError
from pipelines.machines.presets import preset, presets
from pipelines.vertex.compile.worker_pools import worker_pools
from tests.vertex_server import VertexServer
from trainer.job import TrainingJob, read_job
from trainer.settings.masking import MaskingSettings
from trainer.settings.model import ModelSettings
from trainer.settings.training import TrainerSettings, TrainingSettings

IMAGE = "us-docker.pkg.dev/p/textmill/trainer@sha256:" + "ab" * 32
OUTPUT = "gs://b/t/123/weekly-20261124/Trainer_-77/model"
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
        "job_spec": {"worker_pool_specs": worker_pools(preset(machine), IMAGE, 100)},
    }
    config = {"ai_platform_enable_vertex": True, "training": training.model_dump_json()}
    return {
        "run_fn": "trainer.run_fn.run_fn",
        "train_args": "{}",
        "eval_args": "{}",
        "custom_config": json.dumps({**config, "ai_platform_training_args": job}),
        "code_digest": "launcher",
        "project": "acme-nlp",
        "region": "us-central1",
        "service_account": "",
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
    train(properties(machine, service_account="trainer@acme-nlp.iam.gserviceaccount.com"))
    job = only_job(server)
    assert job.state == State.JOB_STATE_SUCCEEDED
    assert job.name.startswith("projects/acme-nlp/locations/us-central1/")
    assert job.labels["textmill_recipe"] == "weekly"
    assert job.job_spec.service_account == "trainer@acme-nlp.iam.gserviceaccount.com"
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


def test_a_retry_cancels_the_job_of_the_first_attempt(server: VertexServer) -> None:
    """Two jobs would write the same checkpoints."""
    train(properties())
    first = only_job(server)
    first.state = State.JOB_STATE_RUNNING
    other = v1.CustomJob(first)
    other.name, other.labels["textmill_run"] = first.name + "9", "another-run"
    server.custom_jobs[other.name] = other
    server.on_custom_job = lambda _: None
    train(properties())
    assert first.state == State.JOB_STATE_CANCELLED
    assert other.state == State.JOB_STATE_RUNNING
    states = [job.state for job in server.custom_jobs.values()]
    assert states.count(State.JOB_STATE_SUCCEEDED) == 1
