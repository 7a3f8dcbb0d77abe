"""The plan has every shard once, with enough documents for random segments."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.instance_gen.writing.plan import (
    MIN_POOL_DOCUMENTS,
    choose_pool,
    count_slots,
    plan_units,
)
from components.instance_gen.writing.publish import check_counts
from components.settings import InstanceSettings
from core.errors import InputError
from core.manifest import read_manifest
from tests.components.instance_gen.folders import real_documents, write_documents
from trainer.settings.masking import MaskingSettings, RateSchedule


@given(st.lists(st.integers(0, 100), min_size=1, max_size=12), st.data())
def test_a_shard_borrows_until_it_has_enough(sizes: list[int], data: st.DataObject) -> None:
    number = data.draw(st.integers(0, len(sizes) - 1))
    pool = choose_pool(sizes, number)
    assert number in pool
    assert pool == sorted(set(pool))
    assert sum(sizes[n] for n in pool) >= min(MIN_POOL_DOCUMENTS, sum(sizes))
    if sizes[number] >= MIN_POOL_DOCUMENTS:
        assert pool == [number]


def test_a_split_of_a_single_document_is_refused_before_any_work(tmp_path: Path) -> None:
    documents = real_documents()
    folder = write_documents(tmp_path, {"train": [documents[:2]], "eval": [documents[2:3]]})
    manifest = read_manifest(str(folder))
    splits = ["train", "eval"]
    with pytest.raises(InputError, match=r"'eval' has a single document.*objective=none"):
        plan_units(str(folder), manifest, splits, InstanceSettings())
    for objective in ("sentence_order", "contiguous", "none"):
        settings = InstanceSettings(objective=objective)
        assert len(plan_units(str(folder), manifest, splits, settings)) == 2


def test_slots_follow_from_rate_and_length() -> None:
    assert count_slots(InstanceSettings(seq_length=128), MaskingSettings(rate=0.15)) == 20
    assert count_slots(InstanceSettings(seq_length=512), MaskingSettings(rate=0.15)) == 77
    assert count_slots(InstanceSettings(seq_length=30), MaskingSettings(rate=0.1)) == 3
    assert (
        count_slots(InstanceSettings(seq_length=128, max_predictions=19), MaskingSettings()) == 19
    )


def test_slots_are_enough_for_the_highest_rate_of_a_schedule() -> None:
    rising = MaskingSettings(rate=0.15, schedule=RateSchedule(end_rate=0.3, steps=9))
    falling = MaskingSettings(rate=0.3, schedule=RateSchedule(end_rate=0.15, steps=9))
    settings = InstanceSettings(seq_length=128)
    assert count_slots(settings, rising) == count_slots(settings, falling) == 39
    with pytest.raises(InputError, match=r"max_predictions=20 cuts masking.schedule.end_rate=0.3"):
        count_slots(InstanceSettings(seq_length=128, max_predictions=20), rising)


def test_slots_that_would_reduce_the_rate_are_refused() -> None:
    with pytest.raises(InputError, match=r"max_predictions=20 cuts masking.rate=0.15.*77"):
        count_slots(InstanceSettings(seq_length=512, max_predictions=20), MaskingSettings())


def test_a_corpus_of_single_sentences_is_refused() -> None:
    counts = {"documents": 9, "single_sentence_documents": 5, "instances": 8, "no_pair": 5}
    with pytest.raises(InputError, match=r"5 of the 9 documents of split 'eval'.*objective=none"):
        check_counts("eval", counts)
    del counts["no_pair"]  # an objective without pairs
    check_counts("eval", counts)


def test_a_split_without_instances_is_refused() -> None:
    counts = {"documents": 1, "single_sentence_documents": 0, "instances": 0}
    with pytest.raises(InputError, match="give no instance"):
        check_counts("train", counts)
