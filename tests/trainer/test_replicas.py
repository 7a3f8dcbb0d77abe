"""A batch makes the same update on one replica and on two, whole and in parts."""

import pytest
import tensorflow as tf

from core.errors import InputError
from tests.trainer.conftest import MakeSettings
from tests.trainer.training_tools import (
    assert_close,
    first_batch,
    new_state,
    one_cpu,
    train_some,
    two_cpus,
)
from trainer.input.instances import open_instances
from trainer.loop.state import State
from trainer.objectives.choose import choose_objective
from trainer.row_draws import RowDraws

NO_DROPOUT = {"hidden_dropout": 0.0, "attention_dropout": 0.0}
DISENTANGLED = {
    "type": "electra",
    "embedding_size": 16,
    "initializer_range": 0.2,
    "electra": {"embedding_sharing": "disentangled"},
}
MODELS: dict[str, dict[str, object]] = {
    "bert": {"type": "bert"},
    "albert": {"type": "albert", "num_layers": 2, "embedding_size": 16},
    # Scores that differ, or every token would be as likely a sample as any other.
    "electra": {"type": "electra", "embedding_size": 16, "initializer_range": 0.2},
}
STEPS = 3
Trained = tuple[State, list[float]]


@pytest.fixture(scope="module")
def alone(dynamic_folder: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Trained]:
    """Each model after some steps on one device, its batches whole."""
    from tests.trainer.conftest import settings_in

    scratch = tmp_path_factory.mktemp("alone")
    return {
        kind: train_some(settings_in(scratch, {**NO_DROPOUT, **m}), dynamic_folder, STEPS)
        for kind, m in MODELS.items()
    }


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(("replicas", "parts"), [(1, 4), (2, 2)])
def test_replicas_and_parts_change_nothing(
    kind: str,
    replicas: int,
    parts: int,
    alone: dict[str, Trained],
    dynamic_folder: str,
    make_settings: MakeSettings,
) -> None:
    settings = make_settings({**NO_DROPOUT, **MODELS[kind]}, accumulate_steps=parts)
    strategy = two_cpus() if replicas == 2 else one_cpu()
    state, losses = train_some(settings, dynamic_folder, STEPS, strategy)
    assert_close(alone[kind], (state, losses))


def test_whole_static_instances_are_shared_out_as_dynamic_ones(
    static_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(NO_DROPOUT)
    one, two = (train_some(settings, static_folder, 2, s) for s in (one_cpu(), two_cpus()))
    assert_close(one, two)


def test_parts_with_few_masked_tokens_do_not_weigh_more(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    """The batches that the tests above use are uneven, or they would show nothing."""
    weights = first_batch(make_settings(), dynamic_folder)["masked_lm_weights"]
    assert len({weights[n : n + 2].sum() for n in range(0, 8, 2)}) > 1


@pytest.mark.parametrize("kind", MODELS)
def test_losses_are_divided_by_what_the_forward_pass_counts(
    kind: str, dynamic_folder: str, make_settings: MakeSettings
) -> None:
    settings = make_settings(MODELS[kind])
    batch = first_batch(settings, dynamic_folder)
    objective = choose_objective(settings.model, open_instances(dynamic_folder))
    variables = new_state(settings, dynamic_folder).variables
    outcome = objective.evaluate(variables, batch, RowDraws(tf.constant([1, 2]), 0, 8))
    counted = {name: float(part.denominator) for name, part in outcome.losses.items()}
    assert {k: float(v) for k, v in objective.loss_denominators(batch).items()} == counted


def test_parts_that_a_batch_does_not_divide_into_are_refused(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    with pytest.raises(ValueError, match=r"accumulate_steps is 3.*global_batch_size 8"):
        make_settings(accumulate_steps=3)
    with pytest.raises(InputError, match=r"8 is not a multiple of 2 replicas x 8 parts"):
        train_some(make_settings(accumulate_steps=8), dynamic_folder, 1, two_cpus())
