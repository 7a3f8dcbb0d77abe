"""A step that recomputes activations makes the same update."""

import pytest

from tests.trainer.conftest import MakeSettings
from tests.trainer.test_replicas import MODELS
from tests.trainer.training_tools import assert_close, assert_equal_states, train_some

STEPS = 3  # dropout is on in all of them
TWO_LAYERS = {"num_layers": 2}  # the last layer is not recomputed


@pytest.mark.parametrize("kind", MODELS)
def test_recomputed_layers_have_the_same_gradients(
    kind: str, dynamic_folder: str, make_settings: MakeSettings
) -> None:
    """To the bit, because the same operations run again, with the same dropout."""
    model = {**MODELS[kind], **TWO_LAYERS}
    kept, recomputed = (
        train_some(make_settings(model, recompute=r), dynamic_folder, STEPS)
        for r in ("none", "layers")
    )
    assert kept[1] == recomputed[1]
    assert_equal_states(kept[0], recomputed[0])


def test_recomputed_layers_are_computed_again_inside_a_program(
    dynamic_folder: str, make_settings: MakeSettings
) -> None:
    plain, compiled = (
        train_some(make_settings(TWO_LAYERS, recompute="layers", compile=c), dynamic_folder, STEPS)
        for c in ("off", "on")
    )
    assert_close(plain, compiled)
