"""Stream records from shards endlessly, in an order that depends only on (seed, position).

An epoch takes the shards in a random order, one group at a time. The shards of a group are read in
parallel from front to back, which suits object stores, and mixed in a shuffle window. To start at
any position, whole groups are skipped by their counts in the manifest, and only the start of one
group is read without being used. The state of the input is therefore one number.
"""

import functools
from collections.abc import Callable, Iterator, Sequence
from itertools import count

import numpy as np
import tensorflow as tf

from core.draw import draw, draw_seed
from trainer.input.rolling_copy import GROUP_SHARDS, Group, RollingCopy

WINDOW_RECORDS = 10_000  # mixed with each other; at most 10 MB of memory
EPOCHS = 1024  # whose orders differ; then they repeat


def ordered_records(
    paths: Sequence[str],
    sizes: Sequence[int],
    *,
    seed: int,
    first: int,
    copy: RollingCopy | None = None,
) -> tf.data.Dataset:
    """Return the endless records from a position on.

    The order is a table in the dataset, not a Python generator, so that the host of a remote TPU
    can run it.

    Args:
        paths: of the shards, gzipped TFRecords.
        sizes: number of records in each.
        seed: of the order.
        first: position to start at; position p is in epoch p // sum(sizes).
        copy: gives the shards' files, instead of `paths`.

    Returns:
        A dataset of () strings.
    """
    shards, window_seeds = group_table(len(sizes), seed=seed)
    start, skipped = find_group(sizes, shards, first)
    if copy is not None:
        groups = functools.partial(endless_groups, shards, window_seeds, start, skipped)
        return _copied_records(copy, groups)
    names = tf.constant(list(paths))

    def read(number: tf.Tensor, group: tuple[tf.Tensor, tf.Tensor]) -> tf.data.Dataset:
        members, window_seed = group
        own = tf.gather(names, tf.boolean_mask(members, members >= 0))
        return _read_group(own, window_seed, tf.where(number == 0, np.int64(skipped), 0))

    table = tf.data.Dataset.from_tensor_slices((shards, window_seeds)).repeat().skip(start)
    return table.enumerate().flat_map(read)


def group_table(num_shards: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the groups of all epochs, G in each.

    Returns:
        Shard numbers (EPOCHS * G, GROUP_SHARDS) int32, -1 where the last group of an epoch has
        fewer; and a seed for the window of each group, (EPOCHS * G,) int64.
    """
    starts = range(0, num_shards, GROUP_SHARDS)
    shards = np.full((EPOCHS, len(starts) * GROUP_SHARDS), -1, np.int32)
    for epoch in range(EPOCHS):
        shards[epoch, :num_shards] = draw(seed, "shards", epoch).permutation(num_shards)
    seeds = [draw_seed(seed, "window", epoch, start) for epoch in range(EPOCHS) for start in starts]
    return shards.reshape(-1, GROUP_SHARDS), np.array(seeds, np.int64)


def find_group(sizes: Sequence[int], shards: np.ndarray, first: int) -> tuple[int, int]:
    """Return the row of the table that holds a position, and how many records come before it there.

    `shards` is the first part of `group_table`.
    """
    epoch, rest = divmod(first, sum(sizes))
    per_epoch = len(shards) // EPOCHS
    start = epoch % EPOCHS * per_epoch
    in_groups = np.append(sizes, 0)[shards[start : start + per_epoch]].sum(axis=1)
    ends = np.cumsum(in_groups)
    number = int(np.searchsorted(ends, rest, side="right"))
    return start + number, int(rest - ends[number] + in_groups[number])


def endless_groups(
    shards: np.ndarray, window_seeds: np.ndarray, start: int, skipped: int
) -> Iterator[Group]:
    """Yield the groups of a table from a row on, endlessly."""
    for row in count(start):
        number = row % len(shards)
        members = shards[number]
        yield members[members >= 0], int(window_seeds[number]), skipped if row == start else 0


def _copied_records(copy: RollingCopy, groups: Callable[[], Iterator[Group]]) -> tf.data.Dataset:
    """Return the records of groups that are downloaded one after the other, by this process."""
    signature = (
        tf.TensorSpec([None], tf.string),
        tf.TensorSpec([], tf.int64),
        tf.TensorSpec([], tf.int64),
    )
    files = tf.data.Dataset.from_generator(lambda: copy.files(groups()), output_signature=signature)
    return files.prefetch(1).flat_map(_read_group)


def _read_group(paths: tf.Tensor, seed: tf.Tensor, skipped: tf.Tensor) -> tf.data.Dataset:
    records = tf.data.Dataset.from_tensor_slices(paths).interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"),
        cycle_length=GROUP_SHARDS,
        num_parallel_calls=tf.data.AUTOTUNE,
        deterministic=True,
    )
    mixed = records.shuffle(WINDOW_RECORDS, seed=seed, reshuffle_each_iteration=False)
    return mixed.skip(skipped)
