"""Check, before any data is made, that a training can start on this machine."""

import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from trainer.devices.batch import check_batch
from trainer.devices.libtpu import TPU_NAME, check_libtpu, is_tpu_chosen
from trainer.devices.strategy import DeviceError, find_gpus, read_cluster
from trainer.settings.training import TrainerSettings

TPU_DEVICES = ("dev/accel[0-9]*", "dev/vfio/[0-9]*")  # of a TPU VM, one for each chip
BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA's compute capability from which GPUs compute in bfloat16


def check_devices(settings: TrainerSettings) -> None:
    """Check devices, libraries and precision, and that the replicas divide every phase's batch.

    No device is initialized.

    Raises:
        InputError: the training could not start.
    """
    if is_tpu_chosen(settings.device):
        # The number of cores, a multiple of this, is known only once the TPU is initialized.
        chips = _count_chips()
        for phase in settings.by_phase():
            check_batch(phase, chips)
        return
    gpus = [] if settings.device == "cpu" else find_gpus(settings.device)
    for gpu in gpus:
        _check_precision(settings.precision, gpu)
    cluster = read_cluster()
    replicas = max(1, len(gpus)) * (cluster["count"] if cluster else 1)
    for phase in settings.by_phase():
        check_batch(phase, replicas)


def _count_chips() -> int:
    """Return the number of chips of this machine's TPU; 1 if the TPU is another machine's."""
    version = check_libtpu()
    name = os.environ.get(TPU_NAME) or "local"
    if name != "local":
        return 1
    if version is None:
        raise DeviceError(
            "trainer.device or TPU_NAME chooses the TPU of this machine, but libtpu is not "
            "installed. Install requirements/trainer-tpu.txt, or set trainer.device to cpu."
        )
    chips = max(len(list(Path("/").glob(pattern))) for pattern in TPU_DEVICES)
    if not chips:
        raise DeviceError(
            f"trainer.device or TPU_NAME chooses the TPU of this machine, but there is none (no "
            f"/{' and no /'.join(TPU_DEVICES)}). Run on a TPU VM, or set trainer.device to cpu."
        )
    return chips


def _check_precision(precision: str, gpu: Any) -> None:
    details = tf.config.experimental.get_device_details(gpu)
    capability = details.get("compute_capability")
    if precision == "bfloat16" and capability and capability < BFLOAT16_CAPABILITY:
        raise DeviceError(
            f"trainer.precision is bfloat16, which {details.get('device_name', 'this GPU')} does "
            f"not have (compute capability {'.'.join(map(str, capability))}; it needs 8.0). Set "
            f"trainer.precision to float32."
        )
