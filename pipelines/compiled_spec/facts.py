"""What a compiled spec asks for: images, the training job's machines, Dataflow."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from pipelines.recipe.vertex_settings import NO_DIGEST


@dataclass(frozen=True, kw_only=True)
class Machines:
    """What the training job rents."""

    machine_type: str
    accelerator: str | None  # Vertex AI's name, as NVIDIA_TESLA_A100; None is CPU
    count: int  # accelerators of all hosts, as Vertex AI counts them; CPUs, if there are none
    hosts: int
    is_spot: bool


def images_of(spec: Mapping[str, Any]) -> list[str]:
    """Every container image, each once: the tasks' and the training job's."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    found = [e["container"]["image"] for e in executors.values() if "container" in e]
    for pool in _pools(spec):
        found.append(pool["container_spec"]["image_uri"])
    return list(dict.fromkeys(found))


def unbuilt_images(spec: Mapping[str, Any]) -> list[str]:
    """Images that stand for ones that were not built yet, as in the shipped recipe."""
    return [image for image in images_of(spec) if NO_DIGEST in image]


def machines_of(spec: Mapping[str, Any]) -> Machines | None:
    """The training job's machines; None if the spec trains in its own task."""
    pools = list(_pools(spec))
    if not pools:
        return None
    first = pools[0]["machine_spec"]
    hosts = sum(int(pool.get("replica_count", 1)) for pool in pools)
    accelerator = first.get("accelerator_type")
    each = int(first.get("accelerator_count", 0))
    if topology := first.get("tpu_topology"):
        accelerator = accelerator or first["machine_type"].split("-")[0]
        each = prod(int(side) for side in topology.split("x"))
    scheduling = next(iter(_jobs(spec)))["job_spec"].get("scheduling", {})
    return Machines(
        machine_type=first["machine_type"],
        accelerator=accelerator,
        count=(each or _cpus(first["machine_type"])) * hosts,
        hosts=hosts,
        is_spot=scheduling.get("strategy") == "SPOT",
    )


def uses_dataflow(spec: Mapping[str, Any]) -> bool:
    """Whether a task's work is done by Dataflow."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    return any(
        "--runner=DataflowRunner" in executor.get("container", {}).get("args", ())
        for executor in executors.values()
    )


def _cpus(machine_type: str) -> int:
    """The number at the end of a machine type, as 32 of n2-standard-32."""
    last = machine_type.rsplit("-", maxsplit=1)[-1]
    return int(last) if last.isdigit() else 1


def _pools(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for job in _jobs(spec):
        yield from job["job_spec"]["worker_pool_specs"]


def _jobs(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The custom jobs that tasks start: what TFX's Vertex Trainer finds in its custom_config."""
    for component in (spec["root"], *spec.get("components", {}).values()):
        for task in component.get("dag", {}).get("tasks", {}).values():
            inputs = task.get("inputs", {}).get("parameters", {})
            constant = inputs.get("custom_config", {}).get("runtimeValue", {}).get("constant")
            config = json.loads(constant) if isinstance(constant, str) else None
            job = config.get("ai_platform_training_args") if isinstance(config, dict) else None
            if isinstance(job, dict) and _is_sequence(job.get("job_spec", {}).get(POOLS)):
                yield job


POOLS = "worker_pool_specs"


def _is_sequence(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)
