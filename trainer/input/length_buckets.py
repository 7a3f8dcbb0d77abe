"""Batch records of similar lengths: less padding, few shapes, and batches that depend on the step.

A window holds the records of several consecutive batches. They are sorted by length, cut into
batches, and the batches are shuffled. Every batch therefore depends only on the seed and its
number, and a resumed run repeats the reading of at most one window.

    window of 6 records, batches of 2    7 3 8 4 8 3
    sorted                               3 3 4 7 8 8
    batches                              4 7 | 3 3 | 8 8

A batch is then computed at the shortest length of a fixed set that holds its longest row. Each
length has static shapes, and XLA compiles it once.
"""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import tensorflow as tf

from trainer.input.parse_records import Batch
from trainer.row_draws import ALGORITHM

WINDOW_RECORDS = 4096  # 25 MB at 512 tokens
CUT = ("input_ids", "input_mask", "segment_ids")  # (B, L); no other tensor depends on L

Result = TypeVar("Result")


def batches_in_window(batch_size: int) -> int:
    """Return the number of batches that are sorted together."""
    return max(1, WINDOW_RECORDS // batch_size)


def sort_window(records: Batch, number: tf.Tensor, *, batches: int, seed: int) -> Batch:
    """Sort the records of a window by length and cut them into batches.

    Args:
        records: tensors (K * B, …).
        number: () int64, of the window.
        batches: K.
        seed: of the order of the batches.

    Returns:
        Tensors (K, B, …).
    """
    order = tf.argsort(tf.reduce_sum(records["input_mask"], -1), stable=True)
    window_seed = tf.stack([tf.constant(seed, tf.int32), tf.cast(number, tf.int32)])
    shuffled = tf.random.experimental.stateless_shuffle(
        tf.range(batches), window_seed, alg=ALGORITHM
    )
    rows = tf.reshape(tf.gather(tf.reshape(order, [batches, -1]), shuffled), [-1])
    return {
        name: tf.reshape(
            tf.gather(values, rows), [batches, values.shape[0] // batches, *values.shape[1:]]
        )
        for name, values in records.items()
    }


def at_shortest_length(
    lengths: Sequence[int], batch: Mapping[str, tf.Tensor], compute: Callable[[Batch], Result]
) -> Result:
    """Compute on a batch, without the padding that all rows share.

    Args:
        lengths: increasing; the shortest one that holds all rows is used, or else the batch's own.
        batch: `input_ids`, `input_mask` and `segment_ids` (B, L) are cut; others stay unchanged.
        compute: is traced once per length.
    """
    whole = batch["input_ids"].shape[1]
    shorter = [length for length in lengths if length < whole]
    if not shorter:
        return compute(dict(batch))
    longest = tf.reduce_max(tf.reduce_sum(batch["input_mask"], -1))
    number = tf.reduce_sum(tf.cast(longest > tf.constant(shorter), tf.int32))
    parts = [{k: v[:, :n] if k in CUT else v for k, v in batch.items()} for n in (*shorter, whole)]
    return tf.switch_case(number, [functools.partial(compute, part) for part in parts])
