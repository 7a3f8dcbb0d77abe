"""A training step equals an independent computation."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tests.trainer.conftest import MakeSettings
from tests.trainer.numpy_bert import numpy_losses
from tests.trainer.training_tools import first_batch, first_batches, new_state, one_cpu, train_some
from trainer.input.instances import open_instances
from trainer.loop.state import start_state
from trainer.models.noise import NO_NOISE
from trainer.objectives.choose import choose_objective
from trainer.optimizers.adamw import is_decayed

NO_DROPOUT = {"hidden_dropout": 0.0, "attention_dropout": 0.0}


def test_losses_equal_those_of_a_numpy_forward_pass(
    static_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings({**NO_DROPOUT, "num_layers": 2})
    objective = choose_objective(settings.model, open_instances(static_folder))
    with one_cpu().scope():
        state = start_state(settings, objective)
    batch = first_batch(settings, static_folder)
    outcome = objective(state.variables, batch, NO_NOISE)
    ours = [float(part.numerator / part.denominator) for part in outcome.losses.values()]
    theirs = numpy_losses(state.values(), batch, num_layers=2, num_heads=2)
    np.testing.assert_allclose(ours, theirs, rtol=2e-5)


def test_gradients_are_the_slopes_of_the_numpy_losses(
    static_folder: str, make_settings: MakeSettings
) -> None:
    """Each parameter is moved slightly in a random direction, in double precision."""
    settings = make_settings({**NO_DROPOUT, "initializer_range": 0.2}, global_batch_size=4)
    objective = choose_objective(settings.model, open_instances(static_folder))
    with one_cpu().scope():
        state = start_state(settings, objective)
    batch = first_batch(settings, static_folder)
    gradients = _mean_gradients(objective, state.variables, batch)
    rng = np.random.default_rng(3)
    values = {name: value.astype(np.float64) for name, value in state.values().items()}
    for name, value in values.items():
        direction = rng.normal(size=value.shape)
        ahead, behind = (
            sum(numpy_losses({**values, name: value + step}, batch, num_layers=1, num_heads=2))
            for step in (1e-5 * direction, -1e-5 * direction)
        )
        slope = (ahead - behind) / 2e-5
        ours = float((gradients[name] * direction).sum())
        assert ours == pytest.approx(slope, rel=1e-3, abs=1e-5), name


@pytest.mark.parametrize("corrected", [False, True], ids=["BERT's", "bias-corrected"])
def test_two_updates_equal_those_of_adamw_in_numpy(
    static_folder: str, make_settings: MakeSettings, corrected: bool
) -> None:
    settings = make_settings(NO_DROPOUT, adam_bias_correction=corrected)
    objective = choose_objective(settings.model, open_instances(static_folder))
    start = new_state(settings, static_folder)
    values = {name: value.astype(np.float64) for name, value in start.values().items()}
    moments = {name: (np.zeros_like(v), np.zeros_like(v)) for name, v in values.items()}
    after_one, _ = train_some(settings, static_folder, 1)
    after_two, _ = train_some(settings, static_folder, 2)
    batches = first_batches(settings, static_folder, 2)
    variables = [start.variables, after_one.variables]
    for step in range(2):
        gradients = _mean_gradients(objective, variables[step], batches[step])
        norm = math.sqrt(sum(float((g**2).sum()) for g in gradients.values()))
        rate = 3e-3 * (step + 1) / 4  # warm-up over 4 steps
        for name, gradient in gradients.items():
            g = gradient * min(1.0, 1.0 / norm)
            m, v = moments[name]
            m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g**2
            moments[name] = m, v
            if corrected:
                m, v = m / (1 - 0.9 ** (step + 1)), v / (1 - 0.999 ** (step + 1))
            change = m / (np.sqrt(v) + 1e-6) + 0.01 * is_decayed(name) * values[name]
            values[name] = values[name] - rate * change
    for name, variable in after_two.variables.items():
        np.testing.assert_allclose(variable.numpy(), values[name], atol=3e-5, err_msg=name)


def test_biases_and_layer_normalization_are_not_decayed() -> None:
    assert is_decayed("bert.encoder.layer.0.output.dense.weight")
    assert is_decayed("bert.embeddings.word_embeddings.weight")
    assert not is_decayed("bert.encoder.layer.0.output.dense.bias")
    assert not is_decayed("bert.encoder.layer.0.output.LayerNorm.weight")
    assert not is_decayed("cls.predictions.bias")


def test_the_first_loss_is_that_of_uniform_guesses(
    static_folder: str, make_settings: MakeSettings
) -> None:
    _, losses = train_some(make_settings(), static_folder, 1)
    assert losses[0] == pytest.approx(math.log(800) + math.log(2), abs=0.15)


def test_bfloat16_computes_and_float32_stores(
    static_folder: str, make_settings: MakeSettings
) -> None:
    full, full_losses = train_some(make_settings(), static_folder, 3)
    half, half_losses = train_some(make_settings(precision="bfloat16"), static_folder, 3)
    assert {variable.dtype for variable in half.saved_variables().values()} == {tf.float32}
    assert full_losses != half_losses
    np.testing.assert_allclose(full_losses, half_losses, atol=0.05)
    del full


def _mean_gradients(objective, variables, batch) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """Return gradients of the batch's mean losses, by automatic differentiation."""
    with tf.GradientTape() as tape:
        losses = objective(variables, batch, NO_NOISE).losses.values()
        loss = tf.add_n([part.numerator / part.denominator for part in losses])
    gradients = tape.gradient(loss, list(variables.values()), unconnected_gradients="zero")
    return {n: tf.convert_to_tensor(g).numpy() for n, g in zip(variables, gradients, strict=True)}
