"""ELECTRA samples tokens, replaces masks with them, and measures how well they are found."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import first_batch, make_replica_step, train_some
from trainer.evaluation import area_under_curve, evaluation_masking, measure, unigram_losses
from trainer.input.batches import evaluation_batches
from trainer.input.instances import open_instances, read_token_counts
from trainer.objectives.choose import choose_objective
from trainer.objectives.replaced_tokens import (
    BINS,
    DRAWS,
    fill_masks,
    replaced_histograms,
    sample_tokens,
)
from trainer.row_draws import RowDraws
from trainer.settings.masking import MaskingSettings

ELECTRA = {"type": "electra", "embedding_size": 16, "generator_share": 0.5}


def draws(rows: int) -> tf.Tensor:
    return RowDraws(tf.constant([3, 0]), 0, rows).integers(rows, 2, DRAWS)


def test_samples_follow_the_generators_probabilities() -> None:
    shares = np.array([0.5, 0.3, 0.15, 0.05], np.float32)
    scores = tf.tile(tf.math.log(shares)[None], [20_000, 1])
    drawn = np.bincount(sample_tokens(scores, 1.0, draws(20_000)).numpy(), minlength=4) / 20_000
    np.testing.assert_allclose(drawn, shares, atol=0.015)


@pytest.mark.parametrize("size", [1, 2, 23, 1000])
def test_samples_follow_the_probabilities_for_any_vocabulary_size(size: int) -> None:
    shares = np.random.default_rng(size).dirichlet(np.ones(size))
    shares[size // 2 :: 3] = 0 if size > 2 else shares[size // 2 :: 3]
    shares = shares / shares.sum()
    scores = np.tile(np.log(shares + 1e-30).astype(np.float32), (40_000, 1))
    drawn = np.bincount(sample_tokens(tf.constant(scores), 1.0, draws(40_000)), minlength=size)
    assert len(drawn) == size
    assert not drawn[shares == 0].any()
    np.testing.assert_allclose(drawn / 40_000, shares, atol=5 * np.sqrt(shares.max() / 40_000))


def test_the_smallest_and_largest_draw_are_tokens_with_a_probability() -> None:
    scores = tf.constant([[-1e9, 0.0, 2.0, -1e9, -1e9]] * 2)
    ends = tf.constant([[0, 0], [DRAWS - 1, DRAWS - 1]])
    assert sample_tokens(scores, 1.0, ends).numpy().tolist() == [1, 2]


def test_a_rows_numbers_do_not_depend_on_how_the_batch_is_divided() -> None:
    seed = tf.constant([7, 9])
    whole = RowDraws(seed, 0, 12).integers(12, 4, 1000).numpy()
    parts = [RowDraws(seed, first, 12).integers(3, 4, 1000).numpy() for first in (0, 3, 6, 9)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert len(np.unique(whole)) > 40


def test_a_low_temperature_makes_likely_tokens_more_likely() -> None:
    scores = tf.tile(tf.math.log([[0.6, 0.4]]), [5000, 1])
    drawn = sample_tokens(scores, 0.25, draws(5000)).numpy()
    assert (drawn == 0).mean() == pytest.approx(0.6**4 / (0.6**4 + 0.4**4), abs=0.02)


def test_masks_are_filled_and_only_other_tokens_count_as_replaced() -> None:
    """input_ids has 4 = [MASK] and a random 9; the originals are 7, 8, 6; two slots are unused."""
    ids, is_replaced = fill_masks(
        tf.constant([[2, 4, 9, 5, 3], [2, 4, 5, 3, 0]]),
        tf.constant([[1, 2, 0], [1, 0, 0]]),
        tf.constant([[7, 8, 0], [6, 0, 0]]),
        tf.constant([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        tf.constant([7, 11, 12, 13, 14, 15]),
    )
    assert ids.numpy().tolist() == [[2, 7, 11, 5, 3], [2, 13, 5, 3, 0]]
    assert is_replaced.numpy().tolist() == [[0, 0, 1, 0, 0], [0, 1, 0, 0, 0]]


def test_the_area_under_the_curve_is_the_probability_of_the_right_order() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((20, 32)) < 0.3).astype(np.float32)
    scores = (rng.normal(size=labels.shape) + labels).astype(np.float32)
    histograms = replaced_histograms(
        tf.constant(scores), tf.constant(labels), tf.ones_like(labels, tf.int32)
    )
    positives, negatives = scores[labels == 1], scores[labels == 0]
    expected = (positives[:, None] > negatives[None]).mean()
    area = area_under_curve(*(histograms[n].numpy() for n in ("replaced", "original")))
    assert area == pytest.approx(expected, abs=2 / BINS)


def test_the_first_loss_is_that_of_uniform_guesses(
    static_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(ELECTRA)
    step, _ = make_replica_step(settings, static_folder)
    batch = {k: tf.constant(v) for k, v in first_batch(settings, static_folder).items()}
    sums = tf.function(step, autograph=False)(batch, tf.constant(0, tf.int64))
    generator, discriminator = (
        float(sums[name].numerator / sums[name].denominator)
        for name in ("masked_lm_loss", "replaced_token_loss")
    )
    assert generator == pytest.approx(np.log(800), abs=0.15)
    assert discriminator == pytest.approx(np.log(2), abs=0.05)
    # All real tokens count, including [CLS] and [SEP].
    assert float(sums["replaced_token_loss"].denominator) == batch["input_mask"].numpy().sum()


def test_both_halves_learn_and_share_their_embeddings(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    model = {**ELECTRA, "hidden_dropout": 0.0, "attention_dropout": 0.0, "initializer_range": 0.12}
    settings = make_settings(model, steps=900, global_batch_size=16, warmup_steps=20)
    state, losses = train_some(settings, dynamic_folder, 900)
    assert sum(name.endswith("word_embeddings.weight") for name in state.variables) == 1
    instances = open_instances(dynamic_folder)
    evaluation = measure(
        choose_objective(settings.model, instances),
        state.variables,
        evaluation_batches(instances, "train", MaskingSettings(), batch_size=32, seed=1),
        unigram_losses(read_token_counts(instances)),
        seed=1,
    )
    assert np.mean(losses[-20:]) < 0.75 * losses[0]
    assert evaluation.metrics()["replaced_token_auc"] > 0.6


def test_the_generator_is_evaluated_on_masks_only(dynamic_folder: str) -> None:
    """It never sees random tokens in training, unlike BERT, and would copy them."""
    instances = open_instances(dynamic_folder)
    masking = evaluation_masking("electra")
    for batch in evaluation_batches(instances, "eval", masking, batch_size=32, seed=1):
        chosen = tf.gather(batch["input_ids"], batch["masked_lm_positions"], batch_dims=1)
        used = batch["masked_lm_weights"].numpy() > 0
        assert set(chosen.numpy()[used]) == {instances.vocabulary.mask_id}
