"""Compile chains of small operations into kernels.

TensorFlow runs operation by operation, so that a layer's normalization, dropout or GELU passes
over memory ten times. A kernel passes once, forward and backward. Matrix products stay outside:
on a CPU, oneDNN computes them faster than XLA.
"""

import contextlib
import contextvars
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

Function = Callable[..., Any]
Definition = TypeVar("Definition", bound=Function)
Differentiable = tuple[Any, Callable[..., Any]]  # results, and the function of their gradients

_compiling = contextvars.ContextVar("compiling", default=False)


def computed_by(fast_form: Function) -> Callable[[Definition], Definition]:
    """Decorate a layer's definition, so that calls run its fast form.

    The definition is what the layer means and what a reader needs; it never runs during training.
    Tests compare the two, in results and in gradients (`inspect.unwrap` returns the definition).
    """

    def decorate(definition: Definition) -> Definition:
        @functools.wraps(definition)
        def call(*tensors: tf.Tensor, **constants: Any) -> Any:
            return fast_form(*tensors, **constants)

        return call  # type: ignore[return-value]

    return decorate


def kernel(function: Function) -> Function:
    """Compile a function of tensors while `compiled_kernels` is active.

    Keyword arguments are constants. Inside, TensorFlow computes no gradient. XLA compiles one loop
    per result and recomputes in each what several results share, so an expensive shared part
    should be a kernel of its own.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        return (compiled if _compiling.get() else function)(*tensors, **constants)

    return call


@contextlib.contextmanager
def compiled_kernels(active: bool) -> Iterator[None]:
    """Compile the kernels that are traced inside, if active; otherwise run plain operations.

    A step that XLA compiles as a whole needs no kernels. Neither does a graph that is exported:
    TensorFlow Serving may lack XLA, and the graph's shapes are not static.
    """
    if active:
        _start_xla()
    token = _compiling.set(active)
    try:
        yield
    finally:
        _compiling.reset(token)


def is_compiling() -> bool:
    """Return whether kernels are being compiled."""
    return _compiling.get()


@functools.cache
def _start_xla() -> None:
    """Initialize XLA once per process, with stderr silenced.

    XLA writes to stderr when it starts and after its first compilation, at any log level of
    TensorFlow.
    """
    sys.stderr.flush()
    stderr, null = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)
    try:
        with tf.init_scope():
            tf.function(lambda x: x + 1.0, jit_compile=True)(tf.zeros([]))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
