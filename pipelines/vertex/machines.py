"""A machine's preset to what Vertex AI rents: worker pools, their size and their speed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from trainer.errors import InputError

MACHINES = Path(__file__).with_name("machines.yaml")


@dataclass(frozen=True)
class Preset:
    """One kind of machine."""

    name: str
    machine_type: str
    image: str
    vcpus: int
    memory_gb: int
    chips: int
    accelerator_type: str | None = None
    peak_tflops: float = 0.0
    tpu_topology: str | None = None
    hosts: int = 1


def preset(name: str) -> Preset:
    """The preset of a name."""
    presets = yaml.safe_load(MACHINES.read_text(encoding="utf-8"))["presets"]
    if name not in presets:
        raise InputError(f"vertex.training.machine: {name} is none of {', '.join(presets)}.")
    return Preset(name=name, **presets[name])


def worker_pools(machine: Preset, image: str, disk_gb: int) -> list[dict[str, Any]]:
    """The worker pool specs of a custom job."""
    spec: dict[str, Any] = {"machine_type": machine.machine_type}
    if machine.accelerator_type:
        spec |= {"accelerator_type": machine.accelerator_type, "accelerator_count": machine.chips}
    if machine.tpu_topology:
        spec["tpu_topology"] = machine.tpu_topology
    return [
        {
            "machine_spec": spec,
            "replica_count": 1,
            "disk_spec": {"boot_disk_type": "pd-ssd", "boot_disk_size_gb": disk_gb},
            "container_spec": {"image_uri": image, "env": []},
        }
    ]
