"""Decide what XLA compiles of a training step, by setting and device."""

from typing import Literal

import tensorflow as tf

from trainer.models.kernels.compilation import Compilation


def choose_compilation(
    setting: Literal["auto", "on", "off"], strategy: tf.distribute.Strategy
) -> Compilation:
    """Return what to compile on each replica of a strategy.

    On a GPU, whole programs: op by op, each of a layer's small operations would pass over the GPU's
    memory. On one CPU, only the small operations: its matrix products are faster outside XLA.
    """
    if isinstance(strategy, tf.distribute.TPUStrategy):
        return Compilation.INSIDE
    if not tf.distribute.has_strategy():
        return Compilation.NOTHING
    kind = device_kind(strategy)
    if setting == "on" or (setting == "auto" and kind == "GPU"):
        return Compilation.PROGRAMS
    is_alone = isinstance(strategy, tf.distribute.OneDeviceStrategy)
    return Compilation.KERNELS if kind == "CPU" and is_alone else Compilation.NOTHING


def device_kind(strategy: tf.distribute.Strategy) -> str:
    """Return CPU, GPU or TPU."""
    device = tf.DeviceSpec.from_string(strategy.extended.worker_devices[0])
    return device.device_type or "CPU"
