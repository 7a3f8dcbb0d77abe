"""ELECTRA's halves share their embeddings, disentangle them, or have their own."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import first_batch, new_state, train_some
from trainer.evaluation import evaluate
from trainer.export.export import export_model
from trainer.huggingface.read import read_model
from trainer.input.instances import open_instances
from trainer.models.electra import DELTA, EMBEDDINGS, GENERATOR
from trainer.models.embedding_sharing import fold
from trainer.models.noise import Noise
from trainer.models.parameters import count_parameters, first_values
from trainer.objectives.choose import choose_objective
from trainer.row_draws import RowDraws
from trainer.settings.training import TrainingSettings

SHAPE = {"type": "electra", "embedding_size": 16, "initializer_range": 0.2}
WORDS = ".word_embeddings.weight"
Arrays = dict[str, np.ndarray]


def electra(make_settings: MakeSettings, sharing: str, **trainer: object) -> TrainingSettings:
    return make_settings({**SHAPE, "electra": {"embedding_sharing": sharing}}, **trainer)


def embeddings(values: Arrays, prefix: str = EMBEDDINGS) -> Arrays:
    """Return the tables under a prefix, by the rest of their names."""
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(f"{prefix}.")}


def gradients(settings: TrainingSettings, folder: str, loss: str) -> Arrays:
    """Return the gradient of one of the two losses at the first values, without dropout."""
    objective = choose_objective(settings.model, open_instances(folder))
    first = first_values(objective.model.parameters(), deviation=0.2, seed=5)
    weights = {name: tf.constant(value) for name, value in first.items()}
    batch = {name: tf.constant(v) for name, v in first_batch(settings, folder).items()}
    noise = Noise(None, RowDraws(tf.constant([3, 0]), 0, 8))

    @tf.function(autograph=False)
    def differentiate() -> dict[str, tf.Tensor]:
        with tf.GradientTape() as tape:
            tape.watch(weights)
            ratio = objective(weights, batch, noise).losses[loss]
            mean = ratio.numerator / ratio.denominator
        return tape.gradient(mean, weights, unconnected_gradients="zero")

    return {name: value.numpy() for name, value in differentiate().items()}


@pytest.mark.parametrize("loss", ["masked_lm_loss", "replaced_token_loss"])
def test_each_loss_changes_only_its_own_half(
    loss: str, static_folder: str, make_settings: MakeSettings
) -> None:
    """By the definition: E gets the generator's gradient, D the discriminator's, whole."""
    shared, split = (
        gradients(electra(make_settings, sharing), static_folder, loss)
        for sharing in ("shared", "disentangled")
    )
    own, other = (EMBEDDINGS, DELTA) if loss == "masked_lm_loss" else (DELTA, EMBEDDINGS)
    for part, gradient in embeddings(shared).items():
        assert gradient.any(), part
        assert not split[other + part].any(), part
        # While D is 0, both have the same values, and so the same gradient of each loss.
        np.testing.assert_allclose(split[own + part], gradient, atol=1e-6, err_msg=part)
    for name in shared.keys() - {EMBEDDINGS + part for part in embeddings(shared)}:
        np.testing.assert_allclose(split[name], shared[name], atol=1e-6, err_msg=name)


def test_the_first_loss_is_that_of_shared_embeddings(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    (_, shared), (state, split) = (
        train_some(electra(make_settings, sharing), dynamic_folder, 3)
        for sharing in ("shared", "disentangled")
    )
    assert split[0] == shared[0]
    assert split[2] != shared[2]
    assert all(value.any() for value in embeddings(state.values(), DELTA).values())


def test_separate_embeddings_are_two_tables(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    counts = {}
    for sharing in ("shared", "disentangled", "none"):
        settings = electra(make_settings, sharing)
        model = choose_objective(settings.model, open_instances(dynamic_folder)).model
        counts[sharing] = count_parameters(model.parameters())
    tables = 16 * (800 + 64 + 2 + 2)  # words, positions, segments, layer normalization
    assert counts["none"] == counts["disentangled"] == counts["shared"] + tables
    values = new_state(electra(make_settings, "none"), dynamic_folder).values()
    mine, generators = (embeddings(values, p) for p in (EMBEDDINGS, GENERATOR + EMBEDDINGS))
    assert mine.keys() == generators.keys()
    assert not np.array_equal(mine[WORDS], generators[WORDS])


@pytest.mark.parametrize("sharing", ["disentangled", "none"])
def test_a_published_model_has_the_sum_and_starts_another(
    sharing: str, dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    settings = electra(make_settings, sharing)
    instances = open_instances(dynamic_folder)
    objective = choose_objective(settings.model, instances)
    values = train_some(settings, dynamic_folder, 3)[0].values()
    root = str(tmp_path / "model")
    export_model(root, objective.model, values, instances, {})

    architecture, published = read_model(root)
    assert architecture.embedding_sharing == "none"
    if sharing == "disentangled":
        for part, value in embeddings(published).items():
            np.testing.assert_array_equal(value, values[EMBEDDINGS + part] + values[DELTA + part])
        for part, value in embeddings(published, GENERATOR + EMBEDDINGS).items():
            np.testing.assert_array_equal(value, values[EMBEDDINGS + part])

    assert evaluate(root, dynamic_folder, "eval", 8, seed=1).others["replaced_token_loss"] > 0

    shape = dict.fromkeys(("num_layers", "hidden_size", "num_heads", "intermediate_size"))
    start = {"type": "electra", **shape, "start_from": root}
    again = make_settings({**start, "electra": {"embedding_sharing": sharing}})
    started = new_state(again, dynamic_folder).values()
    assert started.keys() == values.keys()
    for name, value in values.items():  # D is a difference of rounded sums
        np.testing.assert_allclose(started[name], value, atol=1e-6, err_msg=name)
    shared = new_state(make_settings(start), dynamic_folder).values()
    np.testing.assert_array_equal(shared[EMBEDDINGS + WORDS], published[EMBEDDINGS + WORDS])


def test_shared_embeddings_are_published_unchanged(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    settings = electra(make_settings, "shared")
    a = choose_objective(settings.model, open_instances(dynamic_folder)).model.architecture
    values = {f"{EMBEDDINGS}{WORDS}": np.ones((2, 2), np.float32)}
    assert fold(a, values) == (a, values)
