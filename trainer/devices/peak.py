"""Measure the peak speed of a device, to which the speed of training is compared."""

import logging
import time

import tensorflow as tf

from core.format_numbers import format_flop
from trainer.settings.training import TrainerSettings

log = logging.getLogger(__name__)

SIDE = {"CPU": 1024, "GPU": 4096, "TPU": 4096}  # of the matrices
SECONDS = 0.25  # duration of the measurement, without compilation
# Per call. On a CPU, a short call ends before the system gives the cores to another process, so
# that the best call shows the peak even on a busy machine. An accelerator needs more per call.
PRODUCTS = {"CPU": 1, "GPU": 8, "TPU": 8}


def peak_flops(settings: TrainerSettings, strategy: tf.distribute.Strategy) -> float:
    """Return the peak FLOP/s of all devices together, from the settings or measured."""
    device = strategy.extended.worker_devices[0]
    peak = settings.peak_flops or measure_peak(device, tf.as_dtype(settings.precision))
    source = "from the settings" if settings.peak_flops else "measured"
    log.info("Peak of a device: %s/s (%s)", format_flop(peak), source)
    return peak * strategy.num_replicas_in_sync


def measure_peak(device: str, compute_type: tf.DType) -> float:
    """Return the best FLOP/s of square matrix products within a quarter of a second."""
    kind = tf.DeviceSpec.from_string(device).device_type or "CPU"
    side, products = SIDE[kind], PRODUCTS[kind]
    with tf.device(device):
        matrix = tf.cast(tf.random.stateless_normal([side, side], [1, 2]) / side**0.5, compute_type)

        @tf.function(jit_compile=kind == "TPU")
        def multiply(x: tf.Tensor) -> tf.Tensor:
            for _ in range(products):
                x = tf.matmul(x, matrix)
            return tf.reduce_sum(x)

        multiply(matrix).numpy()
        best = float("inf")
        deadline = time.perf_counter() + SECONDS
        while (started := time.perf_counter()) < deadline:
            multiply(matrix).numpy()
            best = min(best, time.perf_counter() - started)
    return products * 2 * side**3 / best
