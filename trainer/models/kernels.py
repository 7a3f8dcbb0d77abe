"""Functions of tensors to kernels: chains of small operations, each compiled as one loop.

TensorFlow runs operation by operation, so that a layer's normalisation, dropout or GELU passes
over memory ten times. A kernel passes once, forward and backward. Matrix products stay outside:
oneDNN's are faster on a CPU than XLA's.
"""

import contextlib
import contextvars
import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

_compiling = contextvars.ContextVar("compiling", default=False)

Function = Callable[..., Any]
VECTOR = 32  # columns: two of AVX-512's registers in float32


@contextlib.contextmanager
def compiled_kernels(active: bool) -> Iterator[None]:
    """Kernels that are traced inside are compiled, if active; else they are plain operations.

    A step that XLA compiles as a whole needs none, nor does a graph that is exported: TensorFlow
    Serving may lack XLA, and shapes are open there.
    """
    if active:
        _start_xla()
    token = _compiling.set(active)
    try:
        yield
    finally:
        _compiling.reset(token)


@functools.cache
def _start_xla() -> None:
    """Has XLA say its first words, once in a process, where nobody hears them.

    It greets on the standard error when it starts and when it has compiled for the first time,
    whatever TensorFlow's log level is.
    """
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        with tf.init_scope():
            tf.function(lambda x: x + 1.0, jit_compile=True)(tf.zeros([]))
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


def kernel(function: Function) -> Function:
    """A function without a gradient of its own; keyword arguments are constants."""
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        return (compiled if _compiling.get() else function)(*tensors, **constants)

    return call


def differentiable_kernel(**biases: str) -> Callable[[Function], Function]:
    """A function whose gradient is a kernel too, which computes the function's inside anew.

    The function takes tensors of rows (R, …), and vectors (C,) that it broadcasts to rows of its
    result or of an argument with C columns; keyword arguments are constants. It returns one tensor
    or a tuple.

    Args:
        biases: vectors that are only ever added to one argument, or to the "result", by name. Their
            gradient is that one's, summed over rows; it is not written twice.
    """

    def decorate(function: Function) -> Function:
        parameters = inspect.signature(function).parameters.values()
        names = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
        forward = kernel(function)
        backward = kernel(functools.partial(_pull_back, function, {names.index(b) for b in biases}))

        @functools.wraps(function)
        def call(*tensors: tf.Tensor, **constants: Any) -> Any:
            if not _compiling.get():
                return function(*tensors, **constants)

            @tf.custom_gradient
            def run(*tensors: tf.Tensor) -> tuple[Any, Callable[..., list[tf.Tensor | None]]]:
                def gradient(*upstream: tf.Tensor) -> list[tf.Tensor | None]:
                    found = dict(zip(names, backward(upstream, *tensors, **constants), strict=True))
                    found |= {bias: found.get(to, upstream[0]) for bias, to in biases.items()}
                    return [
                        sum_rows(found[name], x.dtype) if _is_vector(x) else found[name]
                        for name, x in zip(names, tensors, strict=True)
                    ]

                return forward(*tensors, **constants), gradient

            return run(*tensors)

        return call

    return decorate


def sum_rows(x: tf.Tensor, dtype: tf.DType | None = None) -> tf.Tensor:
    """The sum of the rows of x (R, C): (C,). A product with ones is the fastest form on a CPU."""
    ones = tf.ones([1, tf.shape(x)[0]], x.dtype)
    return tf.cast(tf.matmul(ones, x)[0], dtype or x.dtype)


def sum_columns(x: tf.Tensor) -> tf.Tensor:
    """The sum of the last dimension of x, which stays as 1.

    A kernel adds halves until few columns are left: XLA adds up a row number by number, in order,
    and so without the processor's vectors.
    """
    columns = x.shape[-1]
    while _compiling.get() and columns % 2 == 0 and columns > VECTOR:
        columns //= 2
        x = x[..., :columns] + x[..., columns:]
    return tf.reduce_sum(x, -1, keepdims=True)


def _pull_back(
    function: Function,
    biases: set[int],
    upstream: tuple[tf.Tensor, ...],
    *tensors: tf.Tensor,
    **constants: Any,
) -> list[tf.Tensor | None]:
    """Gradients of the tensors: None for integers and biases; vectors' not yet summed over rows."""
    rows, dtype = tensors[0].shape[0], tensors[0].dtype
    wanted = [n for n, x in enumerate(tensors) if x.dtype.is_floating and n not in biases]
    spread = [
        tf.broadcast_to(x, [rows, *x.shape]) if n in wanted and _is_vector(x) else tf.identity(x)
        for n, x in enumerate(tensors)
    ]
    with tf.GradientTape() as tape:
        tape.watch([spread[n] for n in wanted])
        result = function(*spread, **constants)
    results = result if isinstance(result, tuple) else (result,)
    found = tape.gradient(results, [spread[n] for n in wanted], list(upstream))
    gradients: list[tf.Tensor | None] = [None] * len(tensors)
    for n, gradient in zip(wanted, found, strict=True):
        gradients[n] = tf.cast(gradient, dtype) if _is_vector(tensors[n]) else gradient
    return gradients


def _is_vector(x: tf.Tensor) -> bool:
    return bool(x.dtype.is_floating and x.shape.rank == 1)
