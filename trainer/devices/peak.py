"""A device to the fastest matrix product that it makes: what a step's speed is measured against."""

import time

import tensorflow as tf

SIDE = {"CPU": 1024, "GPU": 4096, "TPU": 4096}  # of the matrices
SECONDS = 0.25  # that the measurement takes, beside compiling a product
PRODUCTS = 8  # in one call, so that calling costs little


def measure_peak(device: str, compute_type: tf.DType) -> float:
    """The best rate of square matrix products within a quarter of a second, FLOP/s.

    Args:
        device: TensorFlow's name of it.
        compute_type: of the products.
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
        ends = time.perf_counter() + SECONDS
        while (started := time.perf_counter()) < ends:
            multiply(matrix).numpy()
            best = min(best, time.perf_counter() - started)
    return PRODUCTS * 2 * side**3 / best
