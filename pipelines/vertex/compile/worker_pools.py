"""Build the worker pools of a training job on Vertex AI."""

from typing import Any

from pipelines.machines.presets import Preset

# Path of the library in the TPU image (docker/Dockerfile).
LIBTPU = "/opt/venv/lib/python3.10/site-packages/libtpu/libtpu.so"


def worker_pools(machine: Preset, image: str, disk_gb: int) -> list[dict[str, Any]]:
    """Return the `worker_pool_specs` of a custom job.

    Several hosts become a chief and workers, which is the TF_CONFIG that TensorFlow's
    MultiWorkerMirroredStrategy expects.

    Args:
        machine: preset of the machine.
        image: container image of the training.
        disk_gb: size of the boot disk.
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
    if not machine.is_tpu:  # the disk of a TPU VM cannot be configured
        pool["disk_spec"] = {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": disk_gb}
    if machine.hosts == 1:
        return [pool]
    return [pool, {**pool, "replica_count": machine.hosts - 1}]


def image_environment(image: str) -> list[dict[str, str]]:
    """Return the variable that tells a container its image's digest, for lineage."""
    return [{"name": "TEXTMILL_IMAGE_DIGEST", "value": image.rpartition("@")[2]}]


def _environment(machine: Preset, image: str) -> list[dict[str, str]]:
    variables = {}
    if machine.is_tpu:
        variables["TPU_NAME"] = "local"  # the TPU is attached to the container's VM
    if machine.needs_pjrt:
        variables["NEXT_PLUGGABLE_DEVICE_USE_C_API"] = "true"
        variables["TF_PLUGGABLE_DEVICE_LIBRARY_PATH"] = LIBTPU
    extra = [{"name": name, "value": value} for name, value in variables.items()]
    return image_environment(image) + extra
