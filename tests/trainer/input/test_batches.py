"""Batches of both forms of instances depend only on the number of the step."""

import dataclasses
import functools
from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from trainer.input.batches import evaluation_batches, training_batches
from trainer.input.distribute import distribute_batches
from trainer.input.instances import Instances, InstancesError, open_instances
from trainer.settings.masking import MaskingSettings, RateSchedule

Arrays = dict[str, np.ndarray]


def read(
    folder: str,
    *,
    first_step: int = 0,
    count: int = 3,
    size: int = 8,
    masking: MaskingSettings | None = None,
) -> list[Arrays]:
    batches = training_batches(
        open_instances(folder),
        masking or MaskingSettings(),
        batch_size=size,
        seed=5,
        first_step=first_step,
    )
    return [{k: v.numpy() for k, v in batch.items()} for batch in islice(batches, count)]


def assert_equal(left: list[Arrays], right: list[Arrays]) -> None:
    for a, b in zip(left, right, strict=True):
        assert a.keys() == b.keys()
        for name, values in a.items():
            np.testing.assert_array_equal(values, b[name], name)


@pytest.fixture(params=["static", "dynamic"])
def folder(request: pytest.FixtureRequest) -> str:
    return str(request.getfixturevalue(f"{request.param}_folder"))


def test_a_batch_has_the_shapes_and_types_of_the_contract(folder: str) -> None:
    (batch,) = read(folder, count=1)
    shapes = {name: (values.shape, values.dtype.name) for name, values in batch.items()}
    assert shapes == {
        "input_ids": ((8, 32), "int32"),
        "input_mask": ((8, 32), "int32"),
        "segment_ids": ((8, 32), "int32"),
        "masked_lm_positions": ((8, 5), "int32"),
        "masked_lm_ids": ((8, 5), "int32"),
        "masked_lm_weights": ((8, 5), "float32"),
        "next_sentence_labels": ((8,), "int32"),
    }


def test_a_resumed_run_reads_the_same_batches_with_the_same_masks(folder: str) -> None:
    whole = read(folder, count=20)
    assert_equal(read(folder, first_step=14, count=6), whole[14:])


def masked_shares(batches: list[Arrays]) -> list[float]:
    """Return each batch's share of real tokens that are predicted."""
    return [float(b["masked_lm_weights"].sum() / b["input_mask"].sum()) for b in batches]


def test_the_masking_rate_follows_the_step_after_a_restart_too(dynamic_folder: str) -> None:
    schedule = RateSchedule(end_rate=0.05, steps=8)
    masking = MaskingSettings(rate=0.15, schedule=schedule)  # 0.15 * 32 has the fixture's 5 slots
    whole = read(dynamic_folder, count=12, size=96, masking=masking)
    expected = [0.15 - 0.1 * min(step / 8, 1) for step in range(12)]
    np.testing.assert_allclose(masked_shares(whole), expected, atol=0.012)  # whole tokens only
    assert_equal(read(dynamic_folder, first_step=5, count=7, size=96, masking=masking), whole[5:])


def test_the_masking_rate_schedule_continues_across_phases(dynamic_folder: str) -> None:
    masking = MaskingSettings(rate=0.15, schedule=RateSchedule(end_rate=0.05, steps=8))
    batches = training_batches(
        open_instances(dynamic_folder), masking, batch_size=96, seed=5, first_step=0, steps_before=6
    )
    shares = masked_shares([{k: v.numpy() for k, v in b.items()} for b in islice(batches, 2)])
    np.testing.assert_allclose(shares, [0.075, 0.0625], atol=0.012)


def test_held_out_masks_do_not_follow_the_schedule(dynamic_folder: str) -> None:
    instances = open_instances(dynamic_folder)
    masking = MaskingSettings(schedule=RateSchedule(end_rate=0.05, steps=1))
    scheduled, level = (
        [
            {k: v.numpy() for k, v in batch.items()}
            for batch in evaluation_batches(instances, "eval", m, batch_size=4, seed=1)
        ]
        for m in (masking, MaskingSettings())
    )
    assert_equal(scheduled, level)


def test_dynamic_masks_differ_between_epochs(dynamic_folder: str) -> None:
    epochs = read(dynamic_folder, count=2, size=96)
    restored = []
    for batch in epochs:
        ids = batch["input_ids"].copy()
        rows = np.arange(96)[:, None]
        used = batch["masked_lm_weights"] > 0
        before = ids[rows, batch["masked_lm_positions"]]
        ids[rows, batch["masked_lm_positions"]] = np.where(used, batch["masked_lm_ids"], before)
        restored.append(
            {row.tobytes(): masked for row, masked in zip(ids, batch["input_ids"], strict=True)}
        )
    first, second = restored
    assert first.keys() == second.keys()
    assert sum((first[row] != second[row]).any() for row in first) > 90


def test_replicas_get_slices_of_the_same_global_batch(folder: str) -> None:
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    instances = open_instances(folder)
    batches = training_batches(instances, MaskingSettings(), batch_size=8, seed=5, first_step=0)
    shared = next(iter(distribute_batches(strategy, batches, 8)))
    halves = [strategy.experimental_local_results(v) for v in shared.values()]
    joined = {k: np.concatenate(h) for k, h in zip(shared, halves, strict=True)}
    assert_equal([joined], read(folder, count=1))


@pytest.mark.parametrize(
    ("form", "unit", "buckets"),
    [("static", "token", []), ("static", "token", [16, 24]), ("dynamic", "token", [16, 24]),
     ("dynamic", "ngram", [])],
)  # fmt: skip
def test_the_rows_of_a_worker_are_rows_of_the_global_batch(
    form: str, unit: str, buckets: list[int], request: pytest.FixtureRequest
) -> None:
    make = functools.partial(
        training_batches,
        open_instances(str(request.getfixturevalue(f"{form}_folder"))),
        MaskingSettings(unit=unit),  # type: ignore[arg-type]
        batch_size=12,
        seed=5,
        first_step=3,
        length_buckets=buckets,
    )

    def first(rows: slice | None) -> list[Arrays]:
        return [{k: v.numpy() for k, v in batch.items()} for batch in islice(make(rows=rows), 3)]

    whole = first(None)
    for rows in (slice(0, 4), slice(4, 8), slice(8, 12)):
        assert_equal([{k: v[rows] for k, v in batch.items()} for batch in whole], first(rows))


def test_a_worker_reads_only_its_own_rows(folder: str) -> None:
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    asked: list[slice] = []

    def part(rows: slice) -> tf.data.Dataset:
        asked.append(rows)
        return training_batches(
            open_instances(folder), MaskingSettings(), batch_size=8, seed=5, first_step=0, rows=rows
        )

    shared = next(iter(distribute_batches(strategy, part, 8)))
    halves = [strategy.experimental_local_results(v) for v in shared.values()]
    joined = {k: np.concatenate(h) for k, h in zip(shared, halves, strict=True)}
    assert_equal([joined], read(folder, count=1))
    assert asked == [slice(0, 8)]  # one worker, two replicas


def test_a_batch_that_does_not_divide_among_replicas_is_refused(static_folder: str) -> None:
    strategy = tf.distribute.MirroredStrategy(["/cpu:0", "/cpu:1"])
    instances = open_instances(static_folder)
    batches = training_batches(instances, MaskingSettings(), batch_size=7, seed=5, first_step=0)
    with pytest.raises(InstancesError, match="7 is not a multiple of the 2 replicas"):
        distribute_batches(strategy, batches, 7)


def test_evaluation_reads_every_instance_once_with_frozen_masks(folder: str) -> None:
    def read_all(size: int) -> list[Arrays]:
        batches = evaluation_batches(
            open_instances(folder), "eval", MaskingSettings(), batch_size=size, seed=3
        )
        return [{k: v.numpy() for k, v in batch.items()} for batch in batches]

    batches = read_all(10)
    assert [len(batch["input_ids"]) for batch in batches] == [10, 10, 4]
    assert_equal(batches, read_all(10))


def originals(batches: list[Arrays]) -> np.ndarray:
    """Return the ids before masking."""
    restored = []
    for batch in batches:
        ids = batch["input_ids"].copy()
        rows, slots = np.nonzero(batch["masked_lm_weights"])
        ids[rows, batch["masked_lm_positions"][rows, slots]] = batch["masked_lm_ids"][rows, slots]
        restored.append(ids)
    return np.concatenate(restored)


def evaluate_at(instances: Instances, rate: float) -> list[Arrays]:
    masking = MaskingSettings(rate=rate)
    batches = evaluation_batches(instances, "eval", masking, batch_size=8, seed=3)
    return [{k: v.numpy() for k, v in batch.items()} for batch in batches]


def test_a_model_trained_at_a_low_rate_is_evaluated_at_15_percent(dynamic_folder: str) -> None:
    """The instances have slots for fewer tokens."""
    few = dataclasses.replace(open_instances(dynamic_folder), max_predictions=2)
    (share,) = masked_shares([merge(evaluate_at(few, 0.15))])
    assert share == pytest.approx(0.15, abs=0.015)  # whole tokens only


def test_static_masks_of_another_rate_are_replaced_by_masks_at_15_percent(
    static_folder: str,
) -> None:
    asked = open_instances(static_folder)
    other = {"masking": MaskingSettings(rate=0.3).model_dump(mode="json")}
    manifest = asked.manifest.model_copy(update={"facts": {**asked.manifest.facts, **other}})
    remasked = evaluate_at(dataclasses.replace(asked, manifest=manifest), 0.15)
    kept = evaluate_at(asked, 0.15)
    assert (merge(remasked)["masked_lm_positions"] != merge(kept)["masked_lm_positions"]).any()
    np.testing.assert_array_equal(originals(remasked), originals(kept))
    (share,) = masked_shares([merge(remasked)])
    assert share == pytest.approx(0.15, abs=0.015)  # whole tokens only
    assert_equal(remasked, evaluate_at(dataclasses.replace(asked, manifest=manifest), 0.15))


def merge(batches: list[Arrays]) -> Arrays:
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
