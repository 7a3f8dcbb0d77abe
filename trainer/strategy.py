"""A device setting to a `tf.distribute` strategy, with the reason for the choice."""

import os
from dataclasses import dataclass
from typing import Literal

import tensorflow as tf

from trainer.errors import InputError

TPU_NAME = "TPU_NAME"  # environment: a TPU's name or address, or "local" on a TPU VM
Device = Literal["auto", "cpu", "gpu", "tpu"]


class DeviceError(InputError):
    """A device that was asked for is not there."""


@dataclass(frozen=True)
class Choice:
    """The strategy, and a sentence that says why it was chosen."""

    strategy: tf.distribute.Strategy
    explanation: str


def select_strategy(device: Device) -> Choice:
    """Chooses where to train.

    `auto` takes a TPU if the environment names one, then GPUs, then the CPU.

    Raises:
        DeviceError: the device that was asked for is not there.
    """
    if device == "tpu" or (device == "auto" and os.environ.get(TPU_NAME)):
        return _select_tpu()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(
            "trainer.device is gpu and TensorFlow sees no GPU"
            + _visible_devices()
            + ". Look at the driver with nvidia-smi, or set trainer.device to auto or cpu."
        )
    if gpus and device != "cpu":
        return _select_gpus(len(gpus))
    reason = "trainer.device asks for it" if device == "cpu" else "there is no GPU and no TPU_NAME"
    return Choice(tf.distribute.OneDeviceStrategy("/cpu:0"), f"One CPU: {reason}.")


def accelerators(strategy: tf.distribute.Strategy) -> list[str]:
    """The names of the GPUs or TPU cores that a strategy works on; none on a CPU."""
    kinds = {tf.DeviceSpec.from_string(d).device_type for d in strategy.extended.worker_devices}
    if "TPU" in kinds:
        return ["TPU core"] * strategy.num_replicas_in_sync
    if "GPU" not in kinds:
        return []
    found = tf.config.list_physical_devices("GPU")[: strategy.num_replicas_in_sync]
    details = (tf.config.experimental.get_device_details(device) for device in found)
    return [str(detail.get("device_name", "GPU")) for detail in details]


def _select_gpus(count: int) -> Choice:
    if count == 1:
        return Choice(tf.distribute.OneDeviceStrategy("/gpu:0"), "One GPU: TensorFlow sees one.")
    return Choice(
        tf.distribute.MirroredStrategy(),
        f"{count} GPUs, each with a copy of the model: TensorFlow sees {count}.",
    )


def _select_tpu() -> Choice:
    name = os.environ.get(TPU_NAME) or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError, OSError) as error:
        raise DeviceError(
            f"TPU {name!r} cannot be reached ({_first_line(error)}). Set {TPU_NAME} to the TPU's "
            f"name, or to local on a TPU VM, and install tensorflow-tpu instead of tensorflow."
        ) from error
    cores = strategy.num_replicas_in_sync
    return Choice(strategy, f"TPU {name!r} with {cores} cores: {TPU_NAME} or trainer.device.")


def _visible_devices() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
