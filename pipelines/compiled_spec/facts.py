"""Read from a compiled spec what it needs: images, machines of the training job, Dataflow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from pipelines.recipe.vertex_settings import NO_DIGEST

WORKER_POOLS = "worker_pool_specs"


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines of the training job."""

    machine_type: str
    accelerator: str | None  # Vertex AI's name, for example NVIDIA_TESLA_A100; None is CPU
    count: int  # accelerators on all hosts, as Vertex AI counts them; vCPUs without accelerators
    hosts: int
    is_spot: bool


def images_of(spec: Mapping[str, Any]) -> list[str]:
    """Return the container images of the tasks and of the training job, each once."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    images = [e["container"]["image"] for e in executors.values() if "container" in e]
    images += [pool["container_spec"]["image_uri"] for pool in _worker_pools(spec)]
    return list(dict.fromkeys(images))


def unbuilt_images(spec: Mapping[str, Any]) -> list[str]:
    """Return the images that still have the placeholder digest of the shipped recipe."""
    return [image for image in images_of(spec) if NO_DIGEST in image]


def machines_of(spec: Mapping[str, Any]) -> Machines | None:
    """Return the machines of the training job; None if training runs in its own task."""
    pools = list(_worker_pools(spec))
    if not pools:
        return None
    machine = pools[0]["machine_spec"]
    hosts = sum(int(pool.get("replica_count", 1)) for pool in pools)
    accelerator = machine.get("accelerator_type")
    per_host = int(machine.get("accelerator_count", 0))
    if topology := machine.get("tpu_topology"):
        accelerator = accelerator or machine["machine_type"].split("-")[0]
        per_host = prod(int(side) for side in topology.split("x"))
    scheduling = next(_custom_jobs(spec))["job_spec"].get("scheduling", {})
    return Machines(
        machine_type=machine["machine_type"],
        accelerator=accelerator,
        count=(per_host or _vcpus(machine["machine_type"])) * hosts,
        hosts=hosts,
        is_spot=scheduling.get("strategy") == "SPOT",
    )


def uses_dataflow(spec: Mapping[str, Any]) -> bool:
    """Return whether any task runs its Beam pipeline on Dataflow."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    return any(
        "--runner=DataflowRunner" in executor.get("container", {}).get("args", ())
        for executor in executors.values()
    )


def _vcpus(machine_type: str) -> int:
    """Return the number at the end of a machine type, for example 32 of n2-standard-32."""
    last = machine_type.rsplit("-", maxsplit=1)[-1]
    return int(last) if last.isdigit() else 1


def _worker_pools(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for job in _custom_jobs(spec):
        yield from job["job_spec"][WORKER_POOLS]


def _custom_jobs(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the custom jobs that tasks start, from the custom_config of TFX's Vertex Trainer."""
    for component in (spec["root"], *spec.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            inputs = task.get("inputs", {}).get("parameters", {})
            constant = inputs.get("custom_config", {}).get("runtimeValue", {}).get("constant")
            config = json.loads(constant) if isinstance(constant, str) else None
            job = config.get("ai_platform_training_args") if isinstance(config, dict) else None
            if isinstance(job, dict) and _is_list(job.get("job_spec", {}).get(WORKER_POOLS)):
                yield job


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
