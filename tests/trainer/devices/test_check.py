"""What cannot start on this machine is refused before any data is made."""

from pathlib import Path

import pytest
import tensorflow as tf

from core.errors import InputError
from trainer.devices import check
from trainer.devices.check import check_devices
from trainer.settings.training import TrainerSettings

OLD_GPU = {"device_name": "Tesla T4", "compute_capability": (7, 5)}


@pytest.fixture(autouse=True)
def _no_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("TPU_NAME", "TF_CONFIG"):
        monkeypatch.delenv(name, raising=False)


def see_gpus(monkeypatch: pytest.MonkeyPatch, count: int) -> None:
    monkeypatch.setattr(tf.config, "list_physical_devices", lambda _: ["a GPU"] * count)
    monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda _: OLD_GPU)


def test_a_cpu_needs_nothing() -> None:
    check_devices(TrainerSettings(device="cpu"))


def test_a_missing_gpu_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 0)
    with pytest.raises(InputError, match="TensorFlow sees no GPU"):
        check_devices(TrainerSettings(device="gpu"))


def test_gpus_have_to_divide_the_batch_of_every_phase(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 3)
    phase = {"from_step": 50_000, "seq_length": 512, "global_batch_size": 64}
    settings = {"global_batch_size": 96, "phases": [phase]}
    with pytest.raises(InputError, match="64 is not a multiple of 3 replicas"):
        check_devices(TrainerSettings.model_validate(settings))


def test_a_gpu_without_bfloat16_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    see_gpus(monkeypatch, 1)
    with pytest.raises(InputError, match=r"Tesla T4 does not have \(compute capability 7\.5"):
        check_devices(TrainerSettings(precision="bfloat16"))


@pytest.mark.parametrize(
    ("version", "message"), [(None, "libtpu is not installed"), ("0.1", "there is none")]
)
def test_a_tpu_that_is_not_there_is_refused(
    version: str | None, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "check_libtpu", lambda: version)
    with pytest.raises(InputError, match=message):
        check_devices(TrainerSettings(device="tpu"))


@pytest.mark.parametrize("folder", ["accel", "vfio/"])
def test_the_chips_of_this_machines_tpu_have_to_divide_the_batch(
    folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "vfio").mkdir()
    for name in ("0", "1", "2", "3", "x"):  # the last is no chip, as /dev/vfio/vfio
        (tmp_path / f"{folder}{name}").touch()
    here = tmp_path.relative_to("/")
    patterns = [f"{here}/accel[0-9]*", f"{here}/vfio/[0-9]*"]
    monkeypatch.setattr(check, "TPU_DEVICES", patterns)
    monkeypatch.setattr(check, "check_libtpu", lambda: "0.1")
    with pytest.raises(InputError, match="6 is not a multiple of 4 replicas"):
        check_devices(TrainerSettings(device="tpu", global_batch_size=6))
    check_devices(TrainerSettings(device="tpu", global_batch_size=8))
