"""Batches of like lengths: little padding, few shapes, and still an order that the step decides.

A window is some batches' worth of records that follow each other in the order. Its records are
sorted by length and cut into batches, which come in a drawn order. So every batch is a function of
the seed and its number, and a run that goes on reads one window at most over again.

    window of 6 records, batches of 2    7 3 8 4 8 3
    sorted                               3 3 4 7 8 8
    batches                              4 7 | 3 3 | 8 8

A batch is then computed at the shortest length of a fixed set that holds its longest row. Each
length has its own static shapes, and XLA compiles each once.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import tensorflow as tf

WINDOW_RECORDS = 4096  # 25 MB at 512 tokens
CUT = ("input_ids", "input_mask", "segment_ids")  # (B, L); all else has no length

Batch = dict[str, tf.Tensor]
Result = TypeVar("Result")


def batches_in_window(batch_size: int) -> int:
    """How many batches are sorted together."""
    return max(1, WINDOW_RECORDS // batch_size)


def sort_window(records: Batch, number: tf.Tensor, *, batches: int, seed: int) -> Batch:
    """Sorts a window's records by length and cuts them into batches.

    Args:
        records: tensors (K * B, …).
        number: () int64, the window's.
        batches: K.
        seed: of the batches' order.

    Returns:
        Tensors (K, B, …).
    """
    order = tf.argsort(tf.reduce_sum(records["input_mask"], -1), stable=True)
    draw = tf.stack([tf.constant(seed, tf.int32), tf.cast(number, tf.int32)])
    drawn = tf.random.experimental.stateless_shuffle(tf.range(batches), draw, alg="philox")
    rows = tf.reshape(tf.gather(tf.reshape(order, [batches, -1]), drawn), [-1])
    return {
        name: tf.reshape(
            tf.gather(values, rows), [batches, values.shape[0] // batches, *values.shape[1:]]
        )
        for name, values in records.items()
    }


def at_shortest_length(
    lengths: Sequence[int], batch: Mapping[str, tf.Tensor], compute: Callable[[Batch], Result]
) -> Result:
    """Computes on a batch without the padding that all its rows have.

    Args:
        lengths: to choose from, beside the batch's own; increasing.
        batch: `input_ids`, `input_mask` and `segment_ids` are (B, L); others stay as they are.
        compute: is traced once for each length.
    """
    whole = batch["input_ids"].shape[1]
    shorter = [length for length in lengths if length < whole]
    if not shorter:
        return compute(dict(batch))
    longest = tf.reduce_max(tf.reduce_sum(batch["input_mask"], -1))
    number = tf.reduce_sum(tf.cast(longest > tf.constant(shorter), tf.int32))
    cut = [{k: v[:, :n] if k in CUT else v for k, v in batch.items()} for n in (*shorter, whole)]
    return tf.switch_case(number, [functools.partial(compute, part) for part in cut])
