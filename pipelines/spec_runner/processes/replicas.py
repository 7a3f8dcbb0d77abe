"""A CustomJob's worker pools to replicas, and to what each finds in its environment.

https://cloud.google.com/vertex-ai/docs/training/distributed-training has the variables' forms.
"""

import contextlib
import json
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from pipelines.spec_runner.processes.processes import container_environment
from pipelines.spec_runner.spec.artifacts import Json
from pipelines.spec_runner.spec.places import Places

# The roles of worker pools by their place.
ROLES = ("chief", "worker", "ps", "evaluator")
CLOUD = "cloud"  # the value of `environment` in both variables


@dataclass(frozen=True)
class Replica:
    """One machine of a job, played by a process."""

    role: str  # as TF_CONFIG calls it
    pool: str  # as CLUSTER_SPEC calls it
    index: int  # in its pool
    container: Json  # ContainerSpec
    address: str  # host:port for the others


def plan_replicas(pools: list[Json]) -> list[Replica]:
    """The replicas of the worker pools, each with a port that nobody listens at now."""
    planned = [
        (ROLES[number], f"workerpool{number}", index, pool["containerSpec"])
        for number, pool in enumerate(pools)
        for index in range(int(pool.get("replicaCount", 1) or 0))
    ]
    ports = _free_ports(len(planned))
    return [Replica(*plan, f"127.0.0.1:{port}") for plan, port in zip(planned, ports, strict=True)]


def replica_environment(
    replica: Replica, replicas: list[Replica], job_name: str, job_spec: Json, places: Places
) -> dict[str, str]:
    """The environment of a replica's command: this machine's, Vertex AI's, and its own.

    Args:
        replica: whose.
        replicas: all of the job.
        job_name: projects/…/customJobs/N.
        job_spec: CustomJobSpec.
        places: where buckets lie.
    """
    variables = {v["name"]: v.get("value", "") for v in replica.container.get("env", ())}
    _, project, _, region, _, number = job_name.split("/")
    played = {
        "CLOUD_ML_JOB_ID": number,
        "CLOUD_ML_PROJECT_ID": project,
        "CLOUD_ML_REGION": region,
        "TF_CONFIG": json.dumps(_tf_config(replica, replicas)),
        "CLUSTER_SPEC": json.dumps(_cluster_spec(replica, replicas)),
        **dict(_output_folders(job_spec, places)),
    }
    own = places.localise_all(variables)
    return container_environment({**played, **own}, redirect=False)


def _tf_config(replica: Replica, replicas: list[Replica]) -> Json:
    cluster: dict[str, list[str]] = {}
    for each in replicas:
        if each.role != "evaluator":  # TensorFlow counts it outside of the cluster
            cluster.setdefault(each.role, []).append(each.address)
    task = {"type": replica.role, "index": replica.index}
    return {"cluster": cluster, "task": task, "environment": CLOUD}


def _cluster_spec(replica: Replica, replicas: list[Replica]) -> Json:
    cluster: dict[str, list[str]] = {}
    for each in replicas:
        cluster.setdefault(each.pool, []).append(each.address)
    task = {"type": replica.pool, "index": replica.index}
    return {"cluster": cluster, "task": task, "environment": CLOUD}


def _output_folders(job_spec: Json, places: Places) -> Iterator[tuple[str, str]]:
    base = job_spec.get("baseOutputDirectory", {}).get("outputUriPrefix")
    if base:
        folder = places.localise(base).rstrip("/")
        yield "AIP_MODEL_DIR", f"{folder}/model/"
        yield "AIP_CHECKPOINT_DIR", f"{folder}/checkpoints/"
        yield "AIP_TENSORBOARD_LOG_DIR", f"{folder}/logs/"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
