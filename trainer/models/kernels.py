"""Functions of tensors to kernels: chains of small operations, each compiled as one loop.

TensorFlow runs operation by operation, so that a layer's normalisation, dropout or GELU passes
over memory ten times. A kernel passes once, forward and backward. Matrix products stay outside:
oneDNN's are faster on a CPU than XLA's.
"""

import contextlib
import contextvars
import functools
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

_compiling = contextvars.ContextVar("compiling", default=False)

Function = Callable[..., Any]


@contextlib.contextmanager
def compiled_kernels(active: bool) -> Iterator[None]:
    """Kernels that are traced inside are compiled, if active; else they are plain operations.

    A step that XLA compiles as a whole needs none, nor does a graph that is exported: TensorFlow
    Serving may lack XLA, and shapes are open there.
    """
    token = _compiling.set(active)
    try:
        yield
    finally:
        _compiling.reset(token)


def kernel(function: Function) -> Function:
    """A function without a gradient of its own; keyword arguments are constants."""
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        return (compiled if _compiling.get() else function)(*tensors, **constants)

    return call


def differentiable_kernel(function: Function) -> Function:
    """A function whose gradient is a kernel too, which computes the function's inside anew.

    The function takes tensors of rows (R, …), and vectors (C,) that it broadcasts to rows of its
    result or of an argument with C columns; keyword arguments are constants. It returns one tensor
    or a tuple.
    """
    forward = kernel(function)
    backward = kernel(functools.partial(_pull_back, function))

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        if not _compiling.get():
            return function(*tensors, **constants)

        @tf.custom_gradient
        def run(*tensors: tf.Tensor) -> tuple[Any, Callable[..., list[tf.Tensor | None]]]:
            def gradient(*upstream: tf.Tensor) -> list[tf.Tensor | None]:
                found = iter(backward(upstream, *tensors, **constants))
                return [
                    (sum_rows(next(found), x.dtype) if x.shape.rank == 1 else next(found))
                    if x.dtype.is_floating
                    else None
                    for x in tensors
                ]

            return forward(*tensors, **constants), gradient

        return run(*tensors)

    return call


def sum_rows(x: tf.Tensor, dtype: tf.DType | None = None) -> tf.Tensor:
    """The sum of the rows of x (R, C): (C,). A product with ones is the fastest form on a CPU."""
    ones = tf.ones([1, tf.shape(x)[0]], x.dtype)
    return tf.cast(tf.matmul(ones, x)[0], dtype or x.dtype)


def _pull_back(
    function: Function, upstream: tuple[tf.Tensor, ...], *tensors: tf.Tensor, **constants: Any
) -> list[tf.Tensor]:
    """Gradients of the floating tensors; those of vectors are not summed over rows yet."""
    rows, dtype = tensors[0].shape[0], tensors[0].dtype
    spread = [
        tf.broadcast_to(x, [rows, x.shape[0]]) if _is_vector(x) else tf.identity(x) for x in tensors
    ]
    floating = [x for x in spread if x.dtype.is_floating]
    with tf.GradientTape() as tape:
        tape.watch(floating)
        result = function(*spread, **constants)
    results = result if isinstance(result, tuple) else (result,)
    found = tape.gradient(results, floating, list(upstream))
    given = [x for x in tensors if x.dtype.is_floating]
    return [tf.cast(g, dtype) if _is_vector(x) else g for g, x in zip(found, given, strict=True)]


def _is_vector(x: tf.Tensor) -> bool:
    return bool(x.dtype.is_floating and x.shape.rank == 1)
