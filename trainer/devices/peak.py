"""Measure the peak speed of a device, to which the speed of training is compared."""

import time

import tensorflow as tf

SIDE = {"CPU": 1024, "GPU": 4096, "TPU": 4096}  # of the matrices
SECONDS = 0.25  # duration of the measurement, without compilation
PRODUCTS = 8  # per call, so that the cost of a call is negligible


def measure_peak(device: str, compute_type: tf.DType) -> float:
    """Return the best FLOP/s of square matrix products within a quarter of a second.

    Args:
        device: its name in TensorFlow.
        compute_type: type of the matrices.
    """
    kind = tf.DeviceSpec.from_string(device).device_type or "CPU"
    side = SIDE.get(kind, SIDE["CPU"])
    with tf.device(device):
        matrix = tf.cast(tf.random.stateless_normal([side, side], [1, 2]) / side**0.5, compute_type)

        @tf.function(jit_compile=kind == "TPU")
        def multiply(x: tf.Tensor) -> tf.Tensor:
            for _ in range(PRODUCTS):
                x = tf.matmul(x, matrix)
            return tf.reduce_sum(x)

        multiply(matrix).numpy()
        best = float("inf")
        deadline = time.perf_counter() + SECONDS
        while (started := time.perf_counter()) < deadline:
            multiply(matrix).numpy()
            best = min(best, time.perf_counter() - started)
    return PRODUCTS * 2 * side**3 / best
