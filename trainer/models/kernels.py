"""Functions of tensors to kernels: chains of small operations, each compiled as one loop.

TensorFlow runs operation by operation, so that a layer's normalisation, dropout or GELU passes
over memory ten times. A kernel passes once, forward and backward. Matrix products stay outside:
oneDNN's are faster on a CPU than XLA's.
"""

import contextlib
import contextvars
import functools
import os
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal

import tensorflow as tf

_compiling = contextvars.ContextVar("compiling", default=False)

Function = Callable[..., Any]
VECTOR = 32  # columns: two of AVX-512's registers in float32
LARGE = 1 << 20  # numbers; below it a kernel's call costs more than it saves
PIECES = 16  # that a long row is cut into, a power of 2; measured: 8 to 32 are alike


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
    """A function of tensors, without a gradient of its own; keyword arguments are constants.

    XLA compiles a loop for each of its results, and works out in each what they share. So what is
    costly and used by several is a kernel of its own.
    """
    compiled = tf.function(function, jit_compile=True, autograph=False)

    @functools.wraps(function)
    def call(*tensors: tf.Tensor, **constants: Any) -> Any:
        return (compiled if _compiling.get() else function)(*tensors, **constants)

    return call


def sum_rows(x: tf.Tensor, dtype: tf.DType | None = None) -> tf.Tensor:
    """The sum of the rows of x (R, C), in float32: (C,).

    Beside kernels it is a product with ones, the fastest form on a CPU. A TPU would round that
    product's factors to bfloat16.
    """
    if not _compiling.get():
        return tf.cast(tf.reduce_sum(tf.cast(x, tf.float32), 0), dtype or x.dtype)
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


def sum_squares(x: tf.Tensor) -> tf.Tensor:
    """The sum of the squares of all of x's numbers, in float32: ().

    A kernel leaves a vector of partial sums, so that no float32 copy of a large x is written.
    """
    if _compiling.get() and x.shape.num_elements() >= LARGE:
        return tf.reduce_sum(_partial_squares(x))
    return tf.reduce_sum(tf.square(tf.cast(x, tf.float32)))


@kernel
def _partial_squares(x: tf.Tensor) -> tf.Tensor:
    """Of x's numbers, PIECES by PIECES: the sum of squares of those that share a place."""
    flat = tf.reshape(x, [-1])
    flat = tf.pad(flat, [[0, -flat.shape[0] % PIECES]])
    pieces = tf.split(flat, PIECES)
    return tf.add_n([tf.square(tf.cast(piece, tf.float32)) for piece in pieces])


def fold_columns(
    x: tf.Tensor, of_piece: Callable[[tf.Tensor], tf.Tensor], operation: Literal["add", "max"]
) -> tf.Tensor:
    """The sum or maximum of each row of `of_piece(x)`, for x (R, C) with many columns: (R,).

    Args:
        x: any type.
        of_piece: element by element, of some columns.
        operation: what is made of a row's numbers.

    A kernel cuts a row into pieces, which it puts together column by column, with the processor's
    vectors.
    """
    pair, fold = {"add": (tf.add, tf.reduce_sum), "max": (tf.maximum, tf.reduce_max)}[operation]
    width = x.shape[-1] // PIECES if _compiling.get() else 0
    if width < VECTOR:
        return fold(of_piece(x), -1)
    pieces = [of_piece(x[:, n * width : (n + 1) * width]) for n in range(PIECES)]
    while len(pieces) > 1:
        pieces = [pair(*both) for both in zip(pieces[::2], pieces[1::2], strict=True)]
    found = fold(pieces[0], -1)
    rest = x[:, PIECES * width :]
    return pair(found, fold(of_piece(rest), -1)) if rest.shape[-1] else found
