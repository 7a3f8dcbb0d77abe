"""The order of the records is a pure function of (seed, position)."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from components.records import write_records
from core.manifest import Shard, copy_shards, file_digest
from trainer.input.record_order import (
    EPOCHS,
    GROUP_SHARDS,
    find_group,
    group_table,
    ordered_records,
)
from trainer.input.rolling_copy import RollingCopy

SIZES = [7, 12, 5, 9]
TOTAL = sum(SIZES)
EARLIER = [b"0/5", b"3/0", b"3/5", b"2/0", b"3/4", b"1/2"]  # of seed 1, from position TOTAL + 5 on


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Write four shards whose records name their origin."""
    folder = tmp_path_factory.mktemp("shards")
    for shard, size in enumerate(SIZES):
        records = [f"{shard}/{n}".encode() for n in range(size)]
        write_records(str(folder), f"s{shard}.gz", records)
    return [str(Path(folder) / f"s{shard}.gz") for shard in range(len(SIZES))]


def read(paths: list[str], seed: int, first: int, count: int) -> list[bytes]:
    records = ordered_records(paths, SIZES, seed=seed, first=first)
    return list(records.take(count).as_numpy_iterator())


def test_an_epoch_holds_every_record_once(paths: list[str]) -> None:
    records = read(paths, seed=1, first=0, count=2 * TOTAL)
    assert set(Counter(records[:TOTAL]).values()) == {1}
    assert sorted(records[:TOTAL]) == sorted(records[TOTAL:])


def test_orders_differ_between_epochs_and_seeds_and_are_repeatable(paths: list[str]) -> None:
    records = read(paths, seed=1, first=0, count=2 * TOTAL)
    assert records[:TOTAL] != records[TOTAL:]
    assert records != read(paths, seed=2, first=0, count=2 * TOTAL)
    assert records == read(paths, seed=1, first=0, count=2 * TOTAL)


@pytest.mark.parametrize("first", [1, 13, TOTAL - 1, TOTAL, 2 * TOTAL + 5])
def test_a_start_anywhere_continues_the_same_order(paths: list[str], first: int) -> None:
    whole = read(paths, seed=1, first=0, count=3 * TOTAL)
    assert read(paths, seed=1, first=first, count=3 * TOTAL - first) == whole[first:]


def test_records_of_one_shard_are_spread_over_the_epoch(paths: list[str]) -> None:
    records = read(paths, seed=1, first=0, count=TOTAL)
    places = [n for n, record in enumerate(records) if record.startswith(b"1/")]
    assert max(places) - min(places) > 2 * len(places)


def test_a_rolling_copy_gives_the_same_records_and_holds_two_groups(
    paths: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trainer.input.record_order.GROUP_SHARDS", 1)
    held: list[int] = []

    def copied(folder: str, shards: list[Shard], target: str) -> None:
        copy_shards(folder, shards, target)
        held.append(len(list(Path(target).parent.rglob("*.gz"))))

    monkeypatch.setattr("trainer.input.rolling_copy.copy_shards", copied)
    names = [Path(path).name for path in paths]
    digests = [file_digest(path) for path in paths]
    shards = [
        Shard(path=name, records=size, size_bytes=1, sha256=digest)
        for name, size, digest in zip(names, SIZES, digests, strict=True)
    ]
    copy = RollingCopy(str(Path(paths[0]).parent), shards)
    records = ordered_records([], SIZES, seed=1, first=13, copy=copy)
    copied_records = list(records.take(2 * TOTAL).as_numpy_iterator())
    assert copied_records == read(paths, seed=1, first=13, count=2 * TOTAL)
    assert len(held) > 2 * len(paths), "each epoch downloads the shards again"
    assert max(held) == 2


def test_whole_groups_are_skipped_without_reading_them() -> None:
    sizes = [1000] * (3 * GROUP_SHARDS)
    far = 10**9  # position; 20,000 epochs on
    shards, _ = group_table(len(sizes), seed=1)
    row, skipped = find_group(sizes, shards, far)
    assert row // 3 == far // sum(sizes) % EPOCHS
    assert skipped == far % sum(sizes) % (GROUP_SHARDS * 1000)


def test_the_table_has_every_shard_once_per_epoch() -> None:
    shards, seeds = group_table(GROUP_SHARDS + 5, seed=1)
    epochs = shards.reshape(EPOCHS, -1)
    assert len(seeds) == len(shards) == 2 * EPOCHS
    expected = [*[-1] * (GROUP_SHARDS - 5), *range(GROUP_SHARDS + 5)]
    assert (np.sort(epochs, axis=1) == expected).all()
    assert len({epoch.tobytes() for epoch in epochs}) == EPOCHS


def test_the_order_is_that_of_earlier_versions(paths: list[str]) -> None:
    """Or runs that were stopped before an upgrade would resume with other records."""
    records = read(paths, seed=1, first=TOTAL + 5, count=6)
    assert records == EARLIER


def test_no_python_runs_while_records_are_read(paths: list[str]) -> None:
    """The host of a remote TPU could not call it."""
    graph = ordered_records(paths, SIZES, seed=1, first=20)._as_serialized_graph()
    definition = tf.compat.v1.GraphDef.FromString(graph.numpy())
    functions = definition.library.function
    operations = {n.op for n in [*definition.node, *(n for f in functions for n in f.node_def)]}
    assert "FlatMapDataset" in operations
    assert not operations & {"PyFunc", "EagerPyFunc", "PyFuncStateless", "GeneratorDataset"}
