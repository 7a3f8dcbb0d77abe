"""Attention keeps no scores and probabilities for the backward pass, except on a CPU."""

from contextlib import nullcontext

import tensorflow as tf

from trainer.models.kernels.compilation import Compilation, compiled
from trainer.models.layers import attend

LENGTH = 13  # no other dimension has it
SHAPE = (2, 3, LENGTH, 4)  # B, A, L, H / A


def kept_scores(*, kernels: bool) -> set[str]:
    """Return the operations that make scores before the gradient arrives, and what uses them."""
    inputs = [tf.TensorSpec(SHAPE)] * 4
    with compiled(Compilation.KERNELS) if kernels else nullcontext():

        @tf.function(autograph=False)
        def differentiate(q: tf.Tensor, k: tf.Tensor, v: tf.Tensor, upstream: tf.Tensor) -> object:
            mask = tf.ones([SHAPE[0], LENGTH], tf.int32)
            with tf.GradientTape() as tape:
                tape.watch([q, k, v])
                y = attend(q, k, v, mask, tf.constant([1, 2]), scale=0.5, rate=0.1)
            return tape.gradient(y, [q, k, v], upstream)

        graph = differentiate.get_concrete_function(*inputs).graph
    *_, upstream = graph.inputs
    after = {upstream.op}
    for operation in graph.get_operations():  # each comes after those that it uses
        used = {tensor.op for tensor in operation.inputs} | set(operation.control_inputs)
        if used & after:
            after.add(operation)
    return {
        tensor.op.name
        for operation in after
        for tensor in operation.inputs
        if tensor.op not in after
        and tensor.dtype.is_floating  # the draws of dropout are neither
        and tensor.shape[-2:] == [LENGTH, LENGTH]
    }


def test_the_backward_pass_uses_no_scores_of_the_forward_pass() -> None:
    assert kept_scores(kernels=False) == set()


def test_on_a_cpu_they_are_kept() -> None:
    assert kept_scores(kernels=True), "and the test above would see it"
