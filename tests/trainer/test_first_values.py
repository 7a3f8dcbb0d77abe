"""Sinusoidal position embeddings are the paper's waves, and training starts from them."""

import numpy as np
import pytest

from tests.trainer.conftest import MakeSettings
from trainer.input.instances import open_instances
from trainer.loop.state import start_state
from trainer.models.parameters import sinusoids
from trainer.objectives.choose import choose_objective


@pytest.mark.parametrize("size", [64, 63, 1])
def test_positions_are_sines_and_cosines_of_the_papers_angles(size: int) -> None:
    """Vaswani et al. 2017, 3.5, with the number of positions instead of 10,000."""
    waves, half = sinusoids(32, size, deviation=0.5), (size + 1) // 2
    for position in (0, 1, 17, 31):
        for unit in range(half):
            angle = position / 32 ** (unit / half)
            assert waves[position, unit] == pytest.approx(0.5 * 2**0.5 * np.sin(angle), abs=1e-6)
            if half + unit < size:
                cosine = 0.5 * 2**0.5 * np.cos(angle)
                assert waves[position, half + unit] == pytest.approx(cosine, abs=1e-6)


def test_waves_have_the_norm_of_random_embeddings() -> None:
    assert np.sqrt(np.mean(sinusoids(64, 128, deviation=0.06) ** 2)) == pytest.approx(0.06)


def test_one_product_finds_the_token_before_at_every_position() -> None:
    waves = sinusoids(64, 128, deviation=1.0)
    step_back, *_ = np.linalg.lstsq(waves[1:], waves[:-1], rcond=None)
    assert ((waves[1:] @ step_back) @ waves.T).argmax(1).tolist() == list(range(63))


@pytest.mark.parametrize("kind", ["bert", "albert", "electra"])
def test_only_positions_start_as_waves(
    dynamic_folder: str, make_settings: MakeSettings, kind: str
) -> None:
    starts = []
    for start in ("drawn", "sinusoidal"):
        settings = make_settings({"type": kind, "position_start": start})
        objective = choose_objective(settings.model, open_instances(dynamic_folder))
        starts.append(start_state(settings, objective).values())
    drawn, waves = starts
    changed = [name for name in drawn if not np.array_equal(drawn[name], waves[name])]
    assert changed == [f"{kind}.embeddings.position_embeddings.weight"]
    table = waves[changed[0]]
    expected = sinusoids(*table.shape, deviation=settings.model.initializer_range)
    np.testing.assert_array_equal(table, expected)
