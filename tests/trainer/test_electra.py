"""ELECTRA's parts: samples, what they replace, and how well that is found."""

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import first_batch, replica_step_of, train_some
from trainer.batches import evaluation_batches
from trainer.evaluation import area_under_curve, measure, unigram_losses
from trainer.instances import open_instances, read_token_counts
from trainer.models.layers import Noise
from trainer.objectives.choose import choose_objective
from trainer.objectives.replaced_tokens import BINS, fill_masks, replaced_histograms, sample_tokens
from trainer.settings import MaskingSettings

ELECTRA = {"type": "electra", "embedding_size": 16, "generator_share": 0.5}


def noise(step: int = 0) -> Noise:
    return Noise(tf.constant([3, step], tf.int32), drops=False)


def test_samples_follow_the_generators_shares() -> None:
    shares = np.array([0.5, 0.3, 0.15, 0.05], np.float32)
    scores = tf.tile(tf.math.log(shares)[None], [20_000, 1])
    drawn = np.bincount(sample_tokens(scores, 1.0, noise()).numpy(), minlength=4) / 20_000
    np.testing.assert_allclose(drawn, shares, atol=0.015)


def test_a_low_temperature_makes_likely_tokens_likelier() -> None:
    scores = tf.tile(tf.math.log([[0.6, 0.4]]), [5000, 1])
    drawn = sample_tokens(scores, 0.25, noise()).numpy()
    assert (drawn == 0).mean() == pytest.approx(0.6**4 / (0.6**4 + 0.4**4), abs=0.02)


def test_masks_are_filled_and_only_other_tokens_count_as_replaced() -> None:
    """input_ids holds 4 = [MASK] and a random 9; 7, 8 and 6 stood there; two slots are unused."""
    ids, is_replaced = fill_masks(
        tf.constant([[2, 4, 9, 5, 3], [2, 4, 5, 3, 0]]),
        tf.constant([[1, 2, 0], [1, 0, 0]]),
        tf.constant([[7, 8, 0], [6, 0, 0]]),
        tf.constant([[1.0, 1.0, 0.0], [1.0, 0.0, 0.0]]),
        tf.constant([7, 11, 12, 13, 14, 15]),
    )
    assert ids.numpy().tolist() == [[2, 7, 11, 5, 3], [2, 13, 5, 3, 0]]
    assert is_replaced.numpy().tolist() == [[0, 0, 1, 0, 0], [0, 1, 0, 0, 0]]


def test_the_area_under_the_curve_is_the_chance_of_the_right_order() -> None:
    rng = np.random.default_rng(1)
    labels = (rng.random((20, 32)) < 0.3).astype(np.float32)
    scores = (rng.normal(size=labels.shape) + labels).astype(np.float32)
    histograms = replaced_histograms(
        tf.constant(scores), tf.constant(labels), tf.ones_like(labels, tf.int32)
    )
    positives, negatives = scores[labels == 1], scores[labels == 0]
    expected = (positives[:, None] > negatives[None]).mean()
    found = area_under_curve(*(histograms[n].numpy() for n in ("replaced", "original")))
    assert found == pytest.approx(expected, abs=2 / BINS)


def test_the_loss_starts_at_equal_guesses_and_compiles_under_xla(
    static_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(ELECTRA)
    step, _ = replica_step_of(settings, static_folder)
    batch = {k: tf.constant(v) for k, v in first_batch(settings, static_folder).items()}
    sums = tf.function(step, jit_compile=True)(batch, tf.constant(0, tf.int64))
    generator, discriminator = (
        float(sums[name].numerator / sums[name].denominator)
        for name in ("masked_lm_loss", "replaced_token_loss")
    )
    assert generator == pytest.approx(np.log(800), abs=0.15)
    assert discriminator == pytest.approx(np.log(2), abs=0.05)
    # All real tokens are judged, [CLS] and [SEP] among them.
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
