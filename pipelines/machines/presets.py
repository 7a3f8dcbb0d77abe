"""Look up the machines that a training can run on: size, speed and Vertex AI's names."""

import difflib
import functools
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field

from core.errors import InputError
from core.settings import Settings

PRESETS = Path(__file__).with_name("presets.yaml")
TERA = 1e12


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


@functools.cache
def _file() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
    return content
