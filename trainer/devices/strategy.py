"""Choose a `tf.distribute` strategy for the device setting."""

import json
import os
from dataclasses import dataclass
from typing import Any, Literal

import tensorflow as tf

from core.errors import InputError
from trainer.devices.libtpu import TPU_NAME, check_libtpu, is_tpu_chosen

TF_CONFIG = "TF_CONFIG"  # environment: TensorFlow's own; Vertex AI sets it for worker pools
Device = Literal["auto", "cpu", "gpu", "tpu"]


class DeviceError(InputError):
    """A requested device that is not available."""


@dataclass(frozen=True)
class DeviceChoice:
    """A strategy and the reason why it was chosen."""

    strategy: tf.distribute.Strategy
    explanation: str


def select_strategy(device: Device) -> DeviceChoice:
    """Choose the devices to train on.

    `auto` uses a TPU if the environment names one, otherwise GPUs if there are any, otherwise the
    CPU. If TF_CONFIG names several workers, each uses its own GPUs or CPU, and they train together.
    Call this before any TensorFlow operation, because the workers have to connect first.

    Raises:
        DeviceError: the requested device is not available.
    """
    if is_tpu_chosen(device):
        return _select_tpu()
    gpus = find_gpus(device)
    cluster = read_cluster()
    if cluster is not None:
        return _select_workers(cluster, len(gpus), device)
    if gpus and device != "cpu":
        return _select_gpus(len(gpus))
    no_device = f"TensorFlow sees no GPU{_visible_devices()}, {_not_set()}"
    reason = "trainer.device is cpu" if device == "cpu" else no_device
    return DeviceChoice(tf.distribute.OneDeviceStrategy("/cpu:0"), f"One CPU: {reason}.")


def find_gpus(device: Device) -> list[Any]:
    """Return the GPUs that TensorFlow sees.

    Raises:
        DeviceError: there is none, though the setting is gpu.
    """
    gpus: list[Any] = tf.config.list_physical_devices("GPU")
    if device == "gpu" and not gpus:
        raise DeviceError(
            "trainer.device is gpu and TensorFlow sees no GPU"
            + _visible_devices()
            + ". Check the driver with nvidia-smi, or set trainer.device to auto or cpu."
        )
    return gpus


def set_matmul_precision(precision: str) -> None:
    """Let matrix products in float32 be exact, unless the setting allows to round their factors.

    TensorFlow rounds by default: on NVIDIA GPUs to TF32, and XLA on TPUs to bfloat16.
    """
    tf.config.experimental.enable_tensor_float_32_execution(precision == "tensorfloat32")


def accelerators(strategy: tf.distribute.Strategy) -> list[str]:
    """Return the names of the GPUs or TPU cores of a strategy; empty on a CPU."""
    kinds = {tf.DeviceSpec.from_string(d).device_type for d in strategy.extended.worker_devices}
    if "TPU" in kinds:
        return ["TPU core"] * strategy.num_replicas_in_sync
    if "GPU" not in kinds:
        return []
    gpus = tf.config.list_physical_devices("GPU")[: strategy.num_replicas_in_sync]
    details = (tf.config.experimental.get_device_details(device) for device in gpus)
    return [str(detail.get("device_name", "GPU")) for detail in details]


def _select_gpus(count: int) -> DeviceChoice:
    if count == 1:
        reason = f"One GPU: TensorFlow sees one; {_not_set()}."
        return DeviceChoice(tf.distribute.OneDeviceStrategy("/gpu:0"), reason)
    return DeviceChoice(
        tf.distribute.MirroredStrategy([f"GPU:{number}" for number in range(count)]),
        f"{count} GPUs, each with a copy of the model: TensorFlow sees {count}; {_not_set()}.",
    )


def read_cluster() -> dict[str, Any] | None:
    """Read TF_CONFIG; return None unless it names several workers.

    Raises:
        DeviceError: it is invalid, or names processes that are not workers.
    """
    text = os.environ.get(TF_CONFIG)
    if not text:
        return None
    try:
        config = json.loads(text)
        cluster, task = dict(config.get("cluster", {})), config.get("task", {})
        addresses = [address for name in cluster for address in cluster[name]]
    except (ValueError, TypeError, AttributeError) as error:
        raise DeviceError(
            f"{TF_CONFIG} is invalid ({error}): {text[:200]!r}. Set it to "
            '{"cluster": {"worker": ["host:port", …]}, "task": {"type": "worker", "index": 0}}, '
            "or unset it."
        ) from error
    if len(addresses) < 2:
        return None
    if set(cluster) - {"chief", "worker"} or task.get("type") not in cluster:
        raise DeviceError(
            f"{TF_CONFIG} names the roles {', '.join(sorted(cluster))}, and this process is "
            f"{task.get('type')!r}; supported are only chief and worker. Fix it, or unset it."
        )
    return {"count": len(addresses), "task": f"{task['type']} {task.get('index', 0)}"}


def _select_workers(cluster: dict[str, Any], gpus: int, device: Device) -> DeviceChoice:
    if device == "cpu" and gpus:
        tf.config.set_visible_devices([], "GPU")
        gpus = 0
    try:
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
    except (RuntimeError, ValueError, tf.errors.OpError) as error:
        raise DeviceError(
            f"The {cluster['count']} workers of {TF_CONFIG} cannot train together "
            f"({_first_line(error)}). Give each the same cluster and its own task, and check that "
            f"each can reach the addresses of the others."
        ) from error
    each = f"{gpus} GPU{'s' if gpus > 1 else ''}" if gpus else "a CPU"
    return DeviceChoice(
        strategy,
        f"{cluster['count']} workers with {each} each: {TF_CONFIG} names them; this is "
        f"{cluster['task']}.",
    )


def _select_tpu() -> DeviceChoice:
    check_libtpu()
    name = os.environ.get(TPU_NAME) or "local"
    try:
        resolver = tf.distribute.cluster_resolver.TPUClusterResolver(tpu=name)
        if name != "local":
            tf.config.experimental_connect_to_cluster(resolver)
        tf.tpu.experimental.initialize_tpu_system(resolver)
        strategy = tf.distribute.TPUStrategy(resolver)
    except (ValueError, RuntimeError, tf.errors.OpError, OSError) as error:
        raise DeviceError(
            f"Cannot reach TPU {name!r} ({_first_line(error)}). Set {TPU_NAME} to the name of the "
            f"TPU, or to local on a TPU VM, and install tensorflow-tpu instead of tensorflow."
        ) from error
    cores = strategy.num_replicas_in_sync
    return DeviceChoice(strategy, f"TPU {name!r} with {cores} cores: {TPU_NAME} or trainer.device.")


def _not_set() -> str:
    """Name the variables that would have led to another choice."""
    return f"{TPU_NAME} is not set, {TF_CONFIG} names no other worker"


def _visible_devices() -> str:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    return "" if visible is None else f" (CUDA_VISIBLE_DEVICES is {visible!r})"


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
