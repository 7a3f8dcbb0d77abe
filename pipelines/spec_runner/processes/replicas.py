"""Run the worker pools of a custom job as processes of this machine, one per replica.

https://cloud.google.com/vertex-ai/docs/training/distributed-training describes the environment
variables of a replica.
"""

import contextlib
import json
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.metadata.live_artifacts import Json
from pipelines.spec_runner.processes.containers import Command
from pipelines.spec_runner.processes.run_process import TIMED_OUT, Processes, describe_exit, tail
from pipelines.spec_runner.processes.training_service import CANCELLED, FAILED, SUCCEEDED, CustomJob
from pipelines.spec_runner.spec.buckets import Buckets

# Roles of the worker pools, by position.
ROLES = ("chief", "worker", "ps", "evaluator")
CLOUD = "cloud"  # value of `environment` in TF_CONFIG and CLUSTER_SPEC
INVALID_ARGUMENT = 3  # google.rpc.Code
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Replica:
    """One machine of a job; here, a process."""

    role: str  # in TF_CONFIG
    pool: str  # in CLUSTER_SPEC
    index: int  # in its pool
    container: Any  # aiplatform_v1.ContainerSpec
    address: str  # host:port for the others

    @property
    def name(self) -> str:
        """Its role and index, for example "worker 0"."""
        return f"{self.role} {self.index}"


class ReplicaRunner:
    """Runs custom jobs; their logs and working folders go to `folder`."""

    def __init__(self, processes: Processes, buckets: Buckets, folder: Path) -> None:
        self._processes = processes
        self._buckets = buckets
        self._folder = folder
        self.last_failure: Path | None = None  # log of the replica that failed last

    def run(self, job: CustomJob) -> None:
        """Run every replica of a job, and set the job's state and error."""
        replicas = plan_replicas(job.job_spec.worker_pool_specs)
        number = job.name.rpartition("/")[2]
        names = [f"custom-job-{number}.{each.role}-{each.index}" for each in replicas]
        logs = [self._folder / f"{name}.log" for name in names]
        processes = []
        for replica, name, log in zip(replicas, names, logs, strict=True):
            words = [*replica.container.command, *replica.container.args]
            command = Command(
                [self._buckets.localize(word) for word in words],
                replica_variables(replica, replicas, job, self._buckets),
                replica.container.image_uri,
            )
            processes.append(self._processes.start(command, folder=self._folder / name, log=log))
        timeout = job.job_spec.scheduling.timeout
        limit = timeout.total_seconds() if timeout else None
        codes = self._wait(job, processes, limit)
        if job.state == CANCELLED:
            return
        first = next((n for n, code in enumerate(codes) if code != 0), None)
        if first is not None:
            self.last_failure = log = logs[first]
            reason = describe_exit(codes[first], limit)
            job.error.code = INVALID_ARGUMENT
            job.error.message = f"{replicas[first].name} {reason}: {tail(log, 3)}"
        job.state = SUCCEEDED if first is None else FAILED

    def _wait(
        self, job: CustomJob, processes: list[subprocess.Popen[bytes]], limit: float | None
    ) -> list[int]:
        """Wait for all replicas; end them all on a failure, a cancellation or the time limit."""
        deadline = None if limit is None else time.monotonic() + limit
        codes: list[int | None] = [None] * len(processes)
        while any(code is None for code in codes):
            codes = [process.poll() for process in processes]
            is_late = deadline is not None and time.monotonic() > deadline
            if is_late or job.state == CANCELLED or any(code not in (None, 0) for code in codes):
                # A replica that has ended keeps its exit code.
                codes = [(TIMED_OUT if is_late else 0) if code is None else code for code in codes]
                break
            time.sleep(_POLL_SECONDS)
        for process in processes:
            self._processes.end(process)
        return [code or 0 for code in codes]


def plan_replicas(pools: Sequence[Any]) -> list[Replica]:
    """Return the replicas of the worker pools, each with a free port."""
    planned = [
        (ROLES[number], f"workerpool{number}", index, pool.container_spec)
        for number, pool in enumerate(pools)
        for index in range(pool.replica_count or 1)
    ]
    ports = _free_ports(len(planned))
    return [Replica(*plan, f"127.0.0.1:{port}") for plan, port in zip(planned, ports, strict=True)]


def replica_variables(
    replica: Replica, replicas: list[Replica], job: CustomJob, buckets: Buckets
) -> dict[str, str]:
    """Return the environment variables of a replica: Vertex AI's, and its own."""
    _, project, _, region, _, number = job.name.split("/")
    vertex = {
        "CLOUD_ML_JOB_ID": number,
        "CLOUD_ML_PROJECT_ID": project,
        "CLOUD_ML_REGION": region,
        "TF_CONFIG": json.dumps(_tf_config(replica, replicas)),
        "CLUSTER_SPEC": json.dumps(_cluster_spec(replica, replicas)),
        **dict(_output_folders(job, buckets)),
    }
    own = {variable.name: buckets.localize(variable.value) for variable in replica.container.env}
    return {**vertex, **own}


def _tf_config(replica: Replica, replicas: list[Replica]) -> Json:
    cluster: dict[str, list[str]] = {}
    for each in replicas:
        if each.role != "evaluator":  # TensorFlow keeps evaluators outside of the cluster
            cluster.setdefault(each.role, []).append(each.address)
    task = {"type": replica.role, "index": replica.index}
    return {"cluster": cluster, "task": task, "environment": CLOUD}


def _cluster_spec(replica: Replica, replicas: list[Replica]) -> Json:
    cluster: dict[str, list[str]] = {}
    for each in replicas:
        cluster.setdefault(each.pool, []).append(each.address)
    task = {"type": replica.pool, "index": replica.index}
    return {"cluster": cluster, "task": task, "environment": CLOUD}


def _output_folders(job: CustomJob, buckets: Buckets) -> Iterator[tuple[str, str]]:
    if base := job.job_spec.base_output_directory.output_uri_prefix:
        folder = buckets.localize(base).rstrip("/")
        yield "AIP_MODEL_DIR", f"{folder}/model/"
        yield "AIP_CHECKPOINT_DIR", f"{folder}/checkpoints/"
        yield "AIP_TENSORBOARD_LOG_DIR", f"{folder}/logs/"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
