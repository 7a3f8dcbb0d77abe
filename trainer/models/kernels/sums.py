"""Sum over rows, over columns, and over all numbers of a tensor."""

from collections.abc import Callable
from typing import Literal

import tensorflow as tf

from trainer.models.kernels.compilation import is_compiling, kernel

VECTOR = 32  # columns: two AVX-512 registers of float32
LARGE = 1 << 20  # numbers; below this, calling a kernel costs more than it saves
PIECES = 16  # that a long row is cut into, a power of 2; measured: 8 to 32 are alike


def sum_rows(x: tf.Tensor, dtype: tf.DType | None = None) -> tf.Tensor:
    """Sum the rows of x (R, C) in float32 and return (C,), in `dtype` or x's type.

    With compiled kernels, the sum is a product with ones, which is the fastest form on a CPU. A TPU
    would round the factors of that product to bfloat16.
    """
    if not is_compiling():
        return tf.cast(tf.reduce_sum(tf.cast(x, tf.float32), 0), dtype or x.dtype)
    ones = tf.ones([1, tf.shape(x)[0]], x.dtype)
    return tf.cast(tf.matmul(ones, x)[0], dtype or x.dtype)


def sum_columns(x: tf.Tensor) -> tf.Tensor:
    """Sum the last dimension of x, which is kept with size 1.

    A kernel adds halves until few columns are left, because XLA sums a row number by number, in
    order, and therefore without vector instructions.
    """
    columns = x.shape[-1]
    while is_compiling() and columns % 2 == 0 and columns > VECTOR:
        columns //= 2
        x = x[..., :columns] + x[..., columns:]
    return tf.reduce_sum(x, -1, keepdims=True)


def sum_squares(x: tf.Tensor) -> tf.Tensor:
    """Sum the squares of all numbers in x, in float32, and return ().

    A kernel returns a vector of partial sums, so that no float32 copy of a large x is written.
    """
    if is_compiling() and x.shape.num_elements() >= LARGE:
        return tf.reduce_sum(_partial_squares(x))
    return tf.reduce_sum(tf.square(tf.cast(x, tf.float32)))


def fold_columns(
    x: tf.Tensor, function: Callable[[tf.Tensor], tf.Tensor], operation: Literal["add", "max"]
) -> tf.Tensor:
    """Return the sum or maximum of each row of `function(x)`, for x (R, C) with many columns: (R,).

    A kernel cuts a row into pieces and combines them column by column, with vector instructions.
    """
    pair, fold = {"add": (tf.add, tf.reduce_sum), "max": (tf.maximum, tf.reduce_max)}[operation]
    width = x.shape[-1] // PIECES if is_compiling() else 0
    if width < VECTOR:
        return fold(function(x), -1)
    pieces = [function(x[:, n * width : (n + 1) * width]) for n in range(PIECES)]
    while len(pieces) > 1:
        pieces = [pair(*both) for both in zip(pieces[::2], pieces[1::2], strict=True)]
    total = fold(pieces[0], -1)
    rest = x[:, PIECES * width :]
    return pair(total, fold(function(rest), -1)) if rest.shape[-1] else total


@kernel
def _partial_squares(x: tf.Tensor) -> tf.Tensor:
    """Cut x into PIECES; return, for each place in a piece, the sum of squares over the pieces."""
    flat = tf.reshape(x, [-1])
    flat = tf.pad(flat, [[0, -flat.shape[0] % PIECES]])
    pieces = tf.split(flat, PIECES)
    return tf.add_n([tf.square(tf.cast(piece, tf.float32)) for piece in pieces])
