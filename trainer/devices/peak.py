"""Find the peak speed of a device, to which the speed of training is compared."""

import logging
import os
import time

import tensorflow as tf

from core.format_numbers import format_flop
from trainer.devices.compilation import device_kind
from trainer.devices.strategy import accelerators
from trainer.settings.training import TrainerSettings

log = logging.getLogger(__name__)

TERA = 1e12
# Dense FLOP/s in 1e12 from the data sheets: bfloat16, TF32 and float32. The first name found in
# TensorFlow's name of the GPU counts.
GPU_PEAKS = {
    "A100": (312.0, 156.0, 19.5),
    "H100 PCIe": (756.0, 378.0, 51.0),
    "H100": (989.0, 495.0, 67.0),
    "H200": (989.0, 495.0, 67.0),
    "L4": (121.0, 60.0, 30.3),
}
# bfloat16 of one TensorFlow device, by the first part of TPU_ACCELERATOR_TYPE, which TPU VMs set.
# In v2 and v3 a device is one of two cores of a chip.
TPU_PEAKS = {"v2": 23.0, "v3": 61.5, "v4": 275.0, "v5litepod": 197.0, "v5p": 459.0, "v6e": 918.0}
TPU_ACCELERATOR_TYPE = "TPU_ACCELERATOR_TYPE"
PASSES = 6  # bfloat16 products that a TPU needs for one float32 product

SIDE = 1024  # of the matrices
SECONDS = 0.25  # duration of the measurement


def peak_flops(settings: TrainerSettings, strategy: tf.distribute.Strategy) -> float | None:
    """Return the peak FLOP/s of all devices together; None if it is not known.

    Only a CPU is measured. A GPU or TPU computes nothing before the first step: what fails there
    would end the run for the sake of a figure.
    """
    kind = device_kind(strategy)
    if settings.peak_flops:
        peak, source = settings.peak_flops, "from the settings"
    elif kind == "CPU":
        peak, source = measure_peak(tf.as_dtype(settings.compute_type)), "measured"
    else:
        known = known_peak(kind, settings.precision, accelerators(strategy)[0])
        if known is None:
            log.info("The peak of this device is unknown. Set trainer.peak_flops to report it.")
            return None
        peak, source = known, "from its data sheet"
    log.info("Peak of a device: %s/s (%s)", format_flop(peak), source)
    return peak * strategy.num_replicas_in_sync


def known_peak(kind: str, precision: str, name: str) -> float | None:
    """Return the peak FLOP/s of a GPU of a name, or of the machine's TPU."""
    if kind == "TPU":
        generation = os.environ.get(TPU_ACCELERATOR_TYPE, "").partition("-")[0]
        peak = TPU_PEAKS.get(generation)
        slower = PASSES if precision == "float32" else 1
        return peak * TERA / slower if peak else None
    for part, (bfloat16, tensorfloat32, float32) in GPU_PEAKS.items():
        if part in name:
            by_precision = {"bfloat16": bfloat16, "tensorfloat32": tensorfloat32}
            return by_precision.get(precision, float32) * TERA
    return None


def measure_peak(compute_type: tf.DType) -> float:
    """Return the best FLOP/s of square matrix products on the CPU in a quarter of a second."""
    with tf.device("/cpu:0"):
        matrix = tf.cast(tf.random.stateless_normal([SIDE, SIDE], [1, 2]) / SIDE**0.5, compute_type)

        @tf.function(autograph=False)
        def multiply(x: tf.Tensor) -> tf.Tensor:
            # One product: a short call ends before the system gives the cores to another process,
            # so that the best call shows the peak even on a busy machine.
            return tf.reduce_sum(tf.matmul(x, matrix))

        multiply(matrix).numpy()
        best = float("inf")
        deadline = time.perf_counter() + SECONDS
        while (started := time.perf_counter()) < deadline:
            multiply(matrix).numpy()
            best = min(best, time.perf_counter() - started)
    return 2 * SIDE**3 / best
