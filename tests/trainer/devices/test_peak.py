"""The peak of a device is measured on CPUs only, and otherwise known or not reported."""

import pytest
import tensorflow as tf

from pipelines.machines.presets import TERA, presets
from tests.trainer.training_tools import one_cpu
from trainer.devices import peak
from trainer.devices.peak import known_peak, peak_flops
from trainer.settings.training import TrainerSettings

GPU_NAMES = {
    "a100": "NVIDIA A100-SXM4-40GB",
    "h100": "NVIDIA H100 80GB HBM3",
    "h200": "NVIDIA H200",
    "l4": "NVIDIA L4",
}


@pytest.mark.parametrize("name", [name for name in presets() if name != "cpu"])
def test_the_peaks_of_the_machines_are_known(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = presets()[name]
    generation = name.split("-")[1].replace("v5e", "v5litepod") if machine.is_tpu else ""
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", f"{generation}-8")
    gpu = GPU_NAMES.get(name.partition("-")[0], "")
    known = known_peak("TPU" if machine.is_tpu else "GPU", "bfloat16", gpu)
    assert known is not None
    assert known * machine.devices == pytest.approx(machine.peak_flops)


def test_float32_has_a_peak_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    assert known_peak("GPU", "float32", GPU_NAMES["a100"]) == 19.5 * TERA
    assert known_peak("GPU", "tensorfloat32", GPU_NAMES["a100"]) == 156 * TERA
    monkeypatch.setenv("TPU_ACCELERATOR_TYPE", "v5litepod-4")
    assert known_peak("TPU", "float32", "") == pytest.approx(197 * TERA / 6)


def test_an_unknown_gpu_has_no_peak_and_computes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure there would end the run before its first step."""
    monkeypatch.setattr(peak, "measure_peak", lambda _: pytest.fail("was measured"))
    monkeypatch.setattr(peak, "accelerators", lambda _: ["NVIDIA Something"])
    strategy = tf.distribute.OneDeviceStrategy("/gpu:0")
    assert peak_flops(TrainerSettings(), strategy) is None
    assert peak_flops(TrainerSettings(peak_flops=2e12), strategy) == 2e12


def test_a_cpu_is_measured() -> None:
    measured = peak_flops(TrainerSettings(), one_cpu())
    assert measured is not None
    assert measured > 1e9
