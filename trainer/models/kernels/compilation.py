"""Compile chains of small operations into kernels, or a whole step into one program.

TensorFlow runs operation by operation, so that a layer's normalization, dropout or GELU passes
over memory ten times. A kernel passes once, forward and backward. Matrix products stay outside:
on a CPU, oneDNN computes them faster than XLA. On GPUs and TPUs, XLA compiles everything together.
"""

import contextlib
import contextvars
import enum
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import tensorflow as tf

Function = Callable[..., Any]
Definition = TypeVar("Definition", bound=Function)
Differentiable = tuple[Any, Callable[..., Any]]  # results, and the function of their gradients


class Compilation(enum.Enum):
    """What XLA compiles of what is traced."""

    DEFINITIONS = enum.auto()  # nothing; and layers run their definitions
    NOTHING = enum.auto()
    KERNELS = enum.auto()  # chains of small operations
    PROGRAMS = enum.auto()  # each function that `run_as_program` calls
    INSIDE = enum.auto()  # everything: it is part of a program, as always on a TPU


_compilation = contextvars.ContextVar("compilation", default=Compilation.NOTHING)


def computed_by(fast_form: Function) -> Callable[[Definition], Definition]:
    """Decorate a layer's definition, so that calls run its fast form, except in DEFINITIONS.

    The definition is what the layer means and what a reader needs; it never runs during training.
    Tests compare the two, in results and in gradients (`inspect.unwrap` returns the definition).
    """

    def decorate(definition: Definition) -> Definition:
        @functools.wraps(definition)
        def call(*tensors: tf.Tensor, **constants: Any) -> Any:
            is_plain = _compilation.get() is Compilation.DEFINITIONS
            return (definition if is_plain else fast_form)(*tensors, **constants)

        return call  # type: ignore[return-value]

    return decorate


def kernel(function: Function) -> Function:
    """Compile a function of tensors while KERNELS is active.

    Keyword arguments are constants. Inside, TensorFlow computes no gradient. XLA compiles one loop
    per result and recomputes in each what several results share, so an expensive shared part
    should be a kernel of its own.
    """
    compiled_function = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        return (compiled_function if is_compiling() else function)(*tensors, **constants)

    return call


def run_as_program(function: Function, *tensors: Any) -> Any:
    """Call a function of tensors, as one XLA program while PROGRAMS is active.

    The program reads and writes the variables that the function uses in their own memory. It cannot
    communicate with other replicas.
    """
    if _compilation.get() is not Compilation.PROGRAMS:
        return function(*tensors)
    with compiled(Compilation.INSIDE):
        return tf.function(function, jit_compile=True, autograph=False)(*tensors)


@contextlib.contextmanager
def compiled(what: Compilation) -> Iterator[None]:
    """Set what XLA compiles of what is traced inside."""
    if what in (Compilation.KERNELS, Compilation.PROGRAMS):
        _start_xla()
    token = _compilation.set(what)
    try:
        yield
    finally:
        _compilation.reset(token)


def is_compiling() -> bool:
    """Return whether kernels are being compiled."""
    return _compilation.get() is Compilation.KERNELS


def is_in_program() -> bool:
    """Return whether what is traced is a part of one XLA program."""
    return _compilation.get() is Compilation.INSIDE


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
            tf.function(lambda x: x + 1.0, jit_compile=True, autograph=False)(tf.zeros([]))
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)
        os.close(null)
