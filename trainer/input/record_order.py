"""Stream records from shards endlessly, in an order that depends only on (seed, position).

An epoch takes the shards in a random order, one group at a time. The shards of a group are read in
parallel from front to back, which suits object stores, and mixed in a shuffle window. To start at
any position, whole groups are skipped by their counts in the manifest, and only the start of one
group is read without being used. The state of the input is therefore one number.
"""

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np
import tensorflow as tf

from core.draw import draw, draw_seed
from trainer.input.rolling_copy import GROUP_SHARDS, Group, RollingCopy

WINDOW_RECORDS = 10_000  # mixed with each other; at most 10 MB of memory


def ordered_records(
    paths: Sequence[str],
    sizes: Sequence[int],
    *,
    seed: int,
    first: int,
    copy: RollingCopy | None = None,
) -> tf.data.Dataset:
    """Return the endless records from a position on.

    Args:
        paths: of the shards, gzipped TFRecords.
        sizes: number of records in each.
        seed: of the order.
        first: position to start at; position p is in epoch p // sum(sizes).
        copy: gives the shards' files, instead of `paths`.

    Returns:
        A dataset of () strings.
    """
    names = np.array(paths, dtype=object)

    def groups() -> Iterator[tuple[Sequence[str], int, int]]:
        order = group_order(sizes, seed=seed, first=first)
        if copy is not None:
            yield from copy.files(order)
        for shards, window_seed, skipped in order:
            yield names[shards], window_seed, skipped

    signature = (
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.int64),
    )
    plan = tf.data.Dataset.from_generator(groups, output_signature=signature)
    return plan.prefetch(1).flat_map(_read_group)


def group_order(sizes: Sequence[int], *, seed: int, first: int) -> Iterator[Group]:
    """Yield the groups from a position on, without reading them."""
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
