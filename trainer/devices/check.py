"""Check, before any data is made, that a training can start on this machine."""

import os
from pathlib import Path
from typing import Any

import tensorflow as tf

from core.errors import InputError
from trainer.devices.libtpu import TPU_NAME, check_libtpu, is_tpu_chosen
from trainer.devices.strategy import DeviceError, find_gpus, read_cluster
from trainer.settings.training import TrainerSettings

TPU_DEVICES = ("/dev/accel0", "/dev/vfio/0")  # of a TPU VM
BFLOAT16_CAPABILITY = (8, 0)  # NVIDIA's compute capability from which GPUs compute in bfloat16


def check_devices(settings: TrainerSettings) -> None:
    """Check devices, libraries and precision, and that the replicas divide every phase's batch.

    No device is initialized.

    Raises:
        InputError: the training could not start.
    """
    if is_tpu_chosen(settings.device):
        _check_tpu()
        return  # The number of cores is known only once the TPU is initialized.
    gpus = [] if settings.device == "cpu" else find_gpus(settings.device)
    for gpu in gpus:
        _check_precision(settings.precision, gpu)
    cluster = read_cluster()
    replicas = max(1, len(gpus)) * (cluster["count"] if cluster else 1)
    for phase in settings.by_phase():
        check_batch(phase, replicas)


def check_batch(s: TrainerSettings, replicas: int) -> None:
    """Check that replicas and parts divide a phase's batch.

    Raises:
        InputError: they do not.
    """
    num_micro_batches = replicas * s.accumulate_steps
    if s.global_batch_size % num_micro_batches:
        raise InputError(
            f"trainer.global_batch_size {s.global_batch_size} is not a multiple of {replicas} "
            f"replicas x {s.accumulate_steps} parts (trainer.accumulate_steps). Set it to "
            f"{max(s.global_batch_size // num_micro_batches, 1) * num_micro_batches}, for example."
        )


def _check_tpu() -> None:
    version = check_libtpu()
    name = os.environ.get(TPU_NAME) or "local"
    if name != "local":
        return
    if version is None:
        raise DeviceError(
            "trainer.device or TPU_NAME chooses the TPU of this machine, but libtpu is not "
            "installed. Install requirements/trainer-tpu.txt, or set trainer.device to cpu."
        )
    if not any(Path(device).exists() for device in TPU_DEVICES):
        raise DeviceError(
            f"trainer.device or TPU_NAME chooses the TPU of this machine, but there is none (no "
            f"{' and no '.join(TPU_DEVICES)}). Run on a TPU VM, or set trainer.device to cpu."
        )


def _check_precision(precision: str, gpu: Any) -> None:
    details = tf.config.experimental.get_device_details(gpu)
    capability = details.get("compute_capability")
    if precision == "bfloat16" and capability and capability < BFLOAT16_CAPABILITY:
        raise DeviceError(
            f"trainer.precision is bfloat16, which {details.get('device_name', 'this GPU')} does "
            f"not have (compute capability {'.'.join(map(str, capability))}; it needs 8.0). Set "
            f"trainer.precision to float32."
        )
