"""Length buckets remove padding and change nothing else."""

from itertools import islice

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings, settings_in
from tests.trainer.training_tools import assert_close, train_some, two_cpus
from trainer.input.batches import training_batches
from trainer.input.instances import open_instances
from trainer.input.length_buckets import at_shortest_length, batches_in_window, sort_window
from trainer.loop.state import State
from trainer.settings.masking import MaskingSettings
from trainer.settings.training import TrainerSettings

LENGTHS = [16, 24]
NO_DROPOUT = {"hidden_dropout": 0.0, "attention_dropout": 0.0}
Arrays = dict[str, np.ndarray]


def read(folder: str, *, first_step: int, count: int, lengths: list[int]) -> list[Arrays]:
    batches = training_batches(
        open_instances(folder),
        MaskingSettings(),
        batch_size=8,
        seed=5,
        first_step=first_step,
        length_buckets=lengths,
    )
    return [{k: v.numpy() for k, v in batch.items()} for batch in islice(batches, count)]


def longest(batch: Arrays) -> int:
    return int(batch["input_mask"].sum(-1).max())


@pytest.mark.parametrize("form", ["static", "dynamic"])
def test_batches_of_similar_lengths_have_little_padding(
    form: str, request: pytest.FixtureRequest
) -> None:
    folder = str(request.getfixturevalue(f"{form}_folder"))

    def padding(batches: list[Arrays], lengths: list[int]) -> float:
        slots = [8 * min(n for n in (*lengths, 32) if n >= longest(b)) for b in batches]
        return 1 - sum(int(b["input_mask"].sum()) for b in batches) / sum(slots)

    count = batches_in_window(8)
    fixed = padding(read(folder, first_step=0, count=count, lengths=[]), [])
    lengths = list(range(12, 32, 2))
    assert padding(read(folder, first_step=0, count=count, lengths=lengths), lengths) < fixed / 2


@pytest.mark.parametrize("first_step", [1, batches_in_window(8), batches_in_window(8) + 3])
def test_a_start_anywhere_continues_the_same_batches(dynamic_folder: str, first_step: int) -> None:
    whole = read(dynamic_folder, first_step=0, count=first_step + 3, lengths=LENGTHS)
    later = read(dynamic_folder, first_step=first_step, count=3, lengths=LENGTHS)
    for expected, actual in zip(whole[first_step:], later, strict=True):
        for name, values in expected.items():
            np.testing.assert_array_equal(values, actual[name], name)


def test_a_window_holds_each_record_once_and_shuffles_its_batches() -> None:
    mask = np.tril(np.ones((12, 12), np.int32))[np.random.default_rng(1).permutation(12)]
    records = {"input_mask": tf.constant(mask), "number": tf.range(12)}
    windows = [sort_window(records, tf.constant(n, tf.int64), batches=6, seed=3) for n in range(4)]
    for window in windows:
        assert sorted(window["number"].numpy().ravel()) == list(range(12))
        lengths = window["input_mask"].numpy().sum(-1)
        assert (lengths.max(-1) - lengths.min(-1) == 1).all()
    orders = {tuple(window["number"].numpy()[:, 0]) for window in windows}
    assert len(orders) > 1


@pytest.mark.parametrize(("row", "expected"), [(1, 16), (16, 16), (17, 24), (24, 24), (32, 32)])
def test_a_batch_is_computed_at_the_shortest_length_that_holds_it(row: int, expected: int) -> None:
    mask = tf.sequence_mask([row, 1], 32, tf.int32)
    batch = {"input_ids": mask, "input_mask": mask, "segment_ids": mask}
    taken = at_shortest_length(LENGTHS, batch, lambda b: tf.constant(b["input_ids"].shape[1]))
    assert int(taken) == expected


@pytest.fixture(scope="module")
def cut(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[State, list[float]]:
    """A model that trained at the shortest lengths."""
    settings = settings_in(tmp_path_factory.mktemp("cut"), NO_DROPOUT, length_buckets=[24])
    return train_some(settings, static_folder, 4)


def test_training_at_the_shortest_length_equals_training_at_full_length(
    cut: tuple[State, list[float]], static_folder: str, make_settings: MakeSettings
) -> None:
    """The windows are the same; 32 is the instances' own length, so that nothing is cut."""
    settings = make_settings(NO_DROPOUT, length_buckets=[32])
    assert_close(cut, train_some(settings, static_folder, 4))


def test_each_replica_chooses_its_own_length(
    cut: tuple[State, list[float]], static_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(NO_DROPOUT, length_buckets=[24])
    _, losses = train_some(settings, static_folder, 3, two_cpus())
    np.testing.assert_allclose(cut[1][:3], losses, rtol=1e-5)


def test_lengths_that_do_not_increase_are_refused() -> None:
    with pytest.raises(
        ValueError, match=r"\[64, 32\] are not positive numbers of tokens in rising order"
    ):
        TrainerSettings(length_buckets=[64, 32])
