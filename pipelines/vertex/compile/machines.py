"""A machine's name to what Vertex AI rents out: its size, its speed, its worker pools."""

import difflib
import functools
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from core.errors import InputError
from core.settings import Settings

MACHINES = Path(__file__).with_name("machines.yaml")
TERA = 1e12
# Where the TPU image keeps the wheel's library (docker/Dockerfile).
LIBTPU = "/opt/venv/lib/python3.10/site-packages/libtpu/libtpu.so"


class MachineError(InputError):
    """A machine that is not offered."""


class Preset(Settings):
    """A machine, or several of a kind, that one training runs on."""

    name: str
    machine_type: str  # of each host
    image: Literal["cpu", "gpu", "tpu"]  # which target of docker/Dockerfile the trainer needs
    vcpus: int = Field(ge=1)  # of each host
    memory_gb: int = Field(ge=1)  # of each host
    chips: int = Field(ge=1)  # of each host; a CPU counts as one
    peak_tflops: float = Field(gt=0)  # of one chip: dense bfloat16 (cpu: float32), 1e12 a second
    accelerator_type: str | None = None  # Vertex AI's name
    accelerator_count: int = 0  # as Vertex AI counts them; a TPU v2 or v3 chip counts as two
    tpu_topology: str | None = None
    needs_pjrt: bool = False  # TensorFlow drives this TPU by PJRT only
    hosts: int = Field(default=1, ge=1)

    @property
    def peak_flops(self) -> float:
        """Operations a second that all chips together could do at best."""
        return self.peak_tflops * TERA * self.chips * self.hosts

    @property
    def is_tpu(self) -> bool:
        """Whether it is a TPU."""
        return self.image == "tpu"


def preset(name: str) -> Preset:
    """The preset of a name.

    Raises:
        MachineError: there is none; the message says why, where a reason is known.
    """
    known = presets()
    if name in known:
        return known[name]
    for names, reason in refused():
        if name.lower().startswith(names):
            raise MachineError(
                f"vertex.training.machine: {name} is not offered: {reason}. "
                f"Take one of {', '.join(known)}."
            )
    close = difflib.get_close_matches(name, known, n=1)
    guess = f" Did you mean {close[0]}?" if close else ""
    raise MachineError(
        f"vertex.training.machine: {name} is not known.{guess} Take one of {', '.join(known)}."
    )


@functools.cache
def presets() -> dict[str, Preset]:
    """All presets by name, the smaller ones of a kind first."""
    return {
        name: Preset.model_validate({"name": name, **values})
        for name, values in _file()["presets"].items()
    }


def refused() -> list[tuple[tuple[str, ...], str]]:
    """What names of machines may begin with that are not offered, and why."""
    return [(tuple(entry["names"]), entry["reason"]) for entry in _file()["refused"]]


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


@functools.cache
def _file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(MACHINES.read_text(encoding="utf-8"))
    return content
