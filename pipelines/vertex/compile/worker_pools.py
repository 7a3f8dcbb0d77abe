"""Build the worker pools of a training job on Vertex AI."""

from typing import Any

from pipelines.machines.presets import Preset

# Where the TPU image keeps the wheel's library (docker/Dockerfile).
LIBTPU = "/opt/venv/lib/python3.10/site-packages/libtpu/libtpu.so"


def worker_pools(machine: Preset, image: str, disk_gb: int) -> list[dict[str, Any]]:
    """The `worker_pool_specs` of a custom job.

    Several hosts are a chief and workers, as Vertex AI's TF_CONFIG and TensorFlow's
    MultiWorkerMirroredStrategy want them.
    """
    machine_spec: dict[str, Any] = {"machine_type": machine.machine_type}
    if machine.accelerator_type:
        machine_spec["accelerator_type"] = machine.accelerator_type
        machine_spec["accelerator_count"] = machine.accelerator_count
    if machine.tpu_topology:
        machine_spec["tpu_topology"] = machine.tpu_topology
    pool: dict[str, Any] = {
        "machine_spec": machine_spec,
        "replica_count": 1,
        "container_spec": {"image_uri": image, "env": _environment(machine, image)},
    }
    if not machine.is_tpu:  # a TPU VM's disk is as it comes
        pool["disk_spec"] = {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": disk_gb}
    if machine.hosts == 1:
        return [pool]
    return [pool, {**pool, "replica_count": machine.hosts - 1}]


def image_environment(image: str) -> list[dict[str, str]]:
    """Tells a container which image it runs in, for lineage (core/provenance.py)."""
    return [{"name": "TEXTMILL_IMAGE_DIGEST", "value": image.rpartition("@")[2]}]


def _environment(machine: Preset, image: str) -> list[dict[str, str]]:
    variables = {}
    if machine.is_tpu:
        variables["TPU_NAME"] = "local"  # the TPU of the VM that the container runs on
    if machine.needs_pjrt:
        variables["NEXT_PLUGGABLE_DEVICE_USE_C_API"] = "true"
        variables["TF_PLUGGABLE_DEVICE_LIBRARY_PATH"] = LIBTPU
    named = [{"name": name, "value": value} for name, value in variables.items()]
    return image_environment(image) + named
