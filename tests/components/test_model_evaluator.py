"""A model is blessed when it beats the unigram baseline and is no worse than the latest blessed."""

from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from components.model_evaluator.verdict import judge

METRICS = {"masked_lm_loss": 4.0, "unigram_loss": 6.0}


@pytest.mark.parametrize(
    ("baseline_loss", "min_gain", "max_increase", "blessed"),
    [
        (None, 0.0, 0.0, True),  # the first model needs to beat the unigram baseline alone
        (None, 2.5, 0.0, False),
        (4.0, 0.0, 0.0, True),  # no worse
        (3.9, 0.0, 0.0, False),
        (3.9, 0.0, 0.2, True),  # worse, within what is allowed
    ],
)
def test_a_verdict_follows_its_thresholds(
    baseline_loss: float | None, min_gain: float, max_increase: float, blessed: bool
) -> None:
    baseline = None if baseline_loss is None else {"masked_lm_loss": baseline_loss}
    verdict = judge(METRICS, baseline, min_gain, max_increase)
    assert verdict.blessed is blessed
    assert len(verdict.reasons) == 2


def test_a_loss_above_the_unigram_baseline_is_told_as_such() -> None:
    verdict = judge({"masked_lm_loss": 6.5, "unigram_loss": 6.0}, None, 0.0, 0.0)
    assert not verdict.blessed
    assert "0.5000 nats above the unigram baseline" in verdict.reasons[0]


def model(number: int) -> standard_artifacts.Model:
    artifact = standard_artifacts.Model()
    artifact.id = number
    return artifact


def blessing(number: int, of: int, blessed: int) -> standard_artifacts.ModelBlessing:
    artifact = standard_artifacts.ModelBlessing()
    artifact.id = number
    artifact.set_int_custom_property("blessed", blessed)
    artifact.set_int_custom_property("current_model_id", of)
    return artifact


@pytest.mark.parametrize(
    ("candidate", "blessings", "baseline"),
    [
        (1, [(10, 1, 1)], []),  # the first model, run again: no baseline, as the first time
        (2, [(10, 1, 1)], [1]),
        (2, [(10, 1, 1), (11, 2, 1)], [1]),  # the second, run again: the same baseline
        (3, [(10, 1, 1), (11, 2, 0)], [1]),  # one that was not blessed is passed over
        (3, [(10, 2, 1), (11, 1, 1)], [1]),  # the latest blessing counts, not the latest model
    ],
)
def test_the_baseline_is_the_latest_blessed_other_model(
    candidate: int, blessings: list[tuple[int, int, int]], baseline: list[int]
) -> None:
    channels: dict[str, Any] = {
        "candidate": [model(candidate)],
        "model": [model(number) for number in (1, 2, 3)],
        "model_blessing": [blessing(*values) for values in blessings],
    }
    found = LatestOtherBlessedModelStrategy().resolve_artifacts(None, channels)
    assert [artifact.id for artifact in found["model"]] == baseline
