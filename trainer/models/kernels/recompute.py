"""Compute activations again in the backward pass, instead of keeping them in memory."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Mapping, Sequence

import tensorflow as tf
from tensorflow.compiler.tf2xla.ops.gen_xla_ops import xla_optimization_barrier

from trainer.models.kernels.compilation import is_in_program

Weights = Mapping[str, tf.Tensor]
Layer = Callable[[Weights, tf.Tensor], tf.Tensor]  # weights and x to a tensor like x

_recomputing = contextvars.ContextVar("recomputing", default=False)


@contextlib.contextmanager
def recomputed_layers(active: bool) -> Iterator[None]:
    """Keep, of each layer traced inside, only the input for the backward pass, if active."""
    token = _recomputing.set(active)
    try:
        yield
    finally:
        _recomputing.reset(token)


def run_layer(layer: Layer, weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Compute a layer on x; while `recomputed_layers` is active, again in the backward pass.

    `layer` has to compute the same each time. Gradients flow to x and to `weights`, which are those
    that the layer uses.
    """
    if not _recomputing.get():
        return layer(weights, x)
    names = list(weights)

    @tf.custom_gradient
    def run(x: tf.Tensor, *values: tf.Tensor) -> tuple[tf.Tensor, Callable[..., list[tf.Tensor]]]:
        def gradient(upstream: tf.Tensor) -> list[tf.Tensor]:
            inputs = [*recompute_after(upstream, [x]), *values]
            with tf.GradientTape() as tape:
                tape.watch(inputs)
                y = layer(dict(zip(names, inputs[1:], strict=True)), inputs[0])
            gradients: list[tf.Tensor] = tape.gradient(y, inputs, upstream)
            return gradients

        return layer(dict(zip(names, values, strict=True)), x), gradient

    return run(x, *weights.values())


def recompute_after(upstream: tf.Tensor, tensors: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """Return copies of tensors that exist only after `upstream`, a gradient.

    Computing something from the copies again frees its memory in between. From the tensors
    themselves, XLA and TensorFlow would find that it is computed already, and keep that.
    """
    if is_in_program():
        return list(xla_optimization_barrier([*tensors, upstream])[:-1])
    with tf.control_dependencies([upstream]):
        return [tf.identity(x) for x in tensors]
