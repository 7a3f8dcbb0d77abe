"""A task blesses a model only for a difference that chance does not explain."""

import math

import numpy as np
import pytest

from components.downstream_evaluator.results import Score, TaskResult, check_tasks, score
from components.evaluation_settings import TaskSettings

NOTHING = Score(0.5, 0.0, 0.0)


def result(model: float, random: float, latest: float | None) -> TaskResult:
    """Return scores with standard errors of 0.03 and 0.04, so that two of both are 0.1."""
    scores = {"model": Score(model, 0.03 * math.sqrt(3), 0.0, (0.0,) * 3)}
    scores |= {"random": Score(random, 0.0, 0.04)}
    scores |= {} if latest is None else {"latest": Score(latest, 0.0, 0.04)}
    return TaskResult(
        name="polarity", kind="classify", metric="accuracy", labels=2, train_examples=9,
        eval_examples=9, eval_labels=9, shared_examples=0, cut_examples=0, seq_length=16,
        majority=NOTHING, bag_of_words=NOTHING, probe={}, fine_tuning=scores,
    )  # fmt: skip


def settings(**asked: object) -> TaskSettings:
    return TaskSettings.model_validate(
        {"name": "polarity", "kind": "classify", "train": "a.tsv", "eval": "b.tsv", "text": "text",
         "label": "label", "seq_length": 16, **asked}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("model", "required", "blessed"),
    [(0.83, 0.02, True), (0.81, 0.02, False), (0.75, 0.02, False), (0.69, -0.12, True)],
)
def test_a_gain_counts_beyond_two_standard_errors(
    model: float, required: float, blessed: bool
) -> None:
    asked = settings(min_gain_over_random=required)
    ((ok, why),) = check_tasks({"polarity": result(model, 0.7, None)}, [asked])
    assert ok is blessed
    assert f"{model:.4f} is {model - 0.7:+.4f} over random weights' 0.7000, give or take 0.1" in why


@pytest.mark.parametrize(
    ("latest", "blessed"), [(None, True), (0.69, True), (0.79, True), (0.81, False)]
)
def test_a_model_may_be_worse_than_the_latest_by_two_standard_errors(
    latest: float | None, blessed: bool
) -> None:
    asked = settings(no_worse_than_latest=True)
    ((ok, _),) = check_tasks({"polarity": result(0.7, 0.7, latest)}, [asked])
    assert ok is blessed


def test_a_task_that_asks_for_nothing_decides_nothing() -> None:
    assert check_tasks({"polarity": result(0.1, 0.9, 0.9)}, [settings()]) == []


def test_the_errors_are_those_of_seeds_and_of_examples() -> None:
    labels = np.zeros(400, np.int64)
    correct = [np.where(np.arange(400) < right, 0, 1) for right in (300, 320, 340)]
    measured = score(correct, labels, "accuracy")
    assert measured.values == (0.75, 0.8, 0.85)
    assert (measured.mean, measured.spread) == pytest.approx((0.8, 0.05))
    assert measured.error == pytest.approx(math.sqrt(0.75 * 0.25 / 400), rel=0.25)  # of the first
    both = math.hypot(0.05 / math.sqrt(3), measured.error)
    assert measured.uncertainty == pytest.approx(both)
    assert score(correct[:1], labels, "accuracy").spread == 0
