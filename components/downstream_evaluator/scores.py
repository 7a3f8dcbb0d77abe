"""Score predictions: metrics, and how far chance could have moved them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from core.draw import draw
from trainer.downstream.probe import compute_metric

RESAMPLES = 100  # of the held-out examples, for the standard error


@dataclass(frozen=True)
class Score:
    """A metric of one model on one task, over several seeds."""

    mean: float
    spread: float  # standard deviation over the seeds; 0 of one seed
    error: float  # standard error that comes from the choice of held-out examples
    values: tuple[float, ...] = field(default=())  # per seed

    @property
    def uncertainty(self) -> float:
        """Return the standard error of the mean: of the seeds and of the held-out examples."""
        return math.hypot(self.spread / math.sqrt(max(1, len(self.values))), self.error)


def score(predictions: Sequence[np.ndarray], labels: np.ndarray, metric: str) -> Score:
    """Compare the predictions of each seed (S,) with the labels (S,)."""
    values = tuple(compute_metric(metric, labels, own) for own in predictions)
    spread = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    error = _standard_error(predictions[0], labels, metric)
    mean = float(np.mean(values))
    return Score(
        round(mean, 6), round(spread, 6), round(error, 6), tuple(round(v, 6) for v in values)
    )


def _standard_error(predictions: np.ndarray, labels: np.ndarray, metric: str) -> float:
    """Return the standard deviation of the metric over resamples of the examples (bootstrap)."""
    random, size = draw(0, "resamples"), len(labels)
    rows = (random.integers(0, size, size) for _ in range(RESAMPLES))
    return float(np.std([compute_metric(metric, labels[r], predictions[r]) for r in rows]))
