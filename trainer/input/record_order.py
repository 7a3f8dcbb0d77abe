"""Shards to an endless stream of records, whose order is a pure function of (seed, position).

An epoch takes the shards in a drawn order, a group of them at a time; a group's shards are read
side by side from front to back (object stores like nothing else) and mixed in a window. To start
anywhere, whole groups are left out by their counts in the manifest, and only the rest of one
group is read over: the state of the data is one number.
"""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import tensorflow as tf

from core.draw import draw, draw_seed

GROUP_SHARDS = 16  # read side by side
WINDOW_RECORDS = 10_000  # mixed with each other; 10 MB or less of memory

Group = tuple[np.ndarray, int, int]  # shard numbers, seed of the window, records to read over


def ordered_records(
    paths: Sequence[str], sizes: Sequence[int], *, seed: int, first: int
) -> tf.data.Dataset:
    """The records from a position on, for ever.

    Args:
        paths: of the shards, gzipped TFRecords.
        sizes: records in each.
        seed: another seed, another order.
        first: the position to start at; position p is in epoch p // sum(sizes).

    Returns:
        A dataset of () strings.
    """
    names = np.array(paths, dtype=object)

    def groups() -> Iterator[tuple[np.ndarray, int, int]]:
        for shards, window_seed, skipped in group_order(sizes, seed=seed, first=first):
            yield names[shards], window_seed, skipped

    signature = (
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.int64),
    )
    plan = tf.data.Dataset.from_generator(groups, output_signature=signature)
    return plan.prefetch(1).flat_map(_read_group)


def group_order(sizes: Sequence[int], *, seed: int, first: int) -> Iterator[Group]:
    """The groups from a position on; it reads nothing."""
    total = sum(sizes)
    skipped = first % total
    for epoch in count(first // total):
        order = draw(seed, "shards", epoch).permutation(len(sizes))
        for number in range(0, len(sizes), GROUP_SHARDS):
            shards = order[number : number + GROUP_SHARDS]
            in_group = sum(sizes[shard] for shard in shards)
            if skipped >= in_group:
                skipped -= in_group
                continue
            yield shards, draw_seed(seed, "window", epoch, number), skipped
            skipped = 0


def _read_group(paths: tf.Tensor, seed: tf.Tensor, skipped: tf.Tensor) -> tf.data.Dataset:
    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"),
        cycle_length=GROUP_SHARDS,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    mixed = records.shuffle(WINDOW_RECORDS, seed=seed, reshuffle_each_iteration=False)
    return mixed.skip(skipped)
