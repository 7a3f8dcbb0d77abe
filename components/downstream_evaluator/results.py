"""Score predictions, hold the results of tasks, and decide whether a model may be blessed."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from components.evaluation_settings import TaskSettings
from core import storage
from core.draw import draw
from core.errors import InputError
from core.file_names import DOWNSTREAM
from trainer.downstream.probe import compute_metric

RESAMPLES = 100  # of the held-out examples, for the standard error
STANDARD_ERRORS = 2.0  # that a difference may be off
METHOD = {
    "probe": "Logistic regression (C = 1) on standardized frozen vectors of the last "
    "layer. A text: the mean over all tokens with [CLS] and [SEP]. A pair: the means u, v of both "
    "segments as u, v, |u - v|, u * v. A word: the hidden state of its first piece.",
    "fine_tuning": "All weights, one linear layer on top, after dropout. A text or pair: on the "
    "tanh layer of [CLS] (BERT, ALBERT), or on [CLS] (ELECTRA). A word: on its first piece.",
    "random": "The same architecture and settings, from random weights.",
    "bag_of_words": "Logistic regression (scikit-learn) on tf-idf of words and pairs of words; to "
    "tag: on the word and its neighbors.",
    "mean": "Over the seeds.",
    "spread": "Standard deviation over the seeds.",
    "error": "Standard error from the choice of held-out examples (bootstrap).",
}
Check = tuple[bool, str]


@dataclass(frozen=True)
class Score:
    """A metric of one model on one task, over several seeds."""

    mean: float
    spread: float  # standard deviation over the seeds; 0 of one seed
    error: float  # standard error that comes from the choice of held-out examples
    values: tuple[float, ...] = ()  # per seed

    @property
    def uncertainty(self) -> float:
        """Return the standard error of the mean: of the seeds and of the held-out examples."""
        return math.hypot(self.spread / math.sqrt(max(1, len(self.values))), self.error)


@dataclass(frozen=True, kw_only=True)
class TaskResult:
    """The scores of a model on one task."""

    name: str
    kind: str
    metric: str
    labels: int  # different ones
    train_examples: int
    eval_examples: int
    eval_labels: int  # that are scored
    shared_examples: int  # held-out texts that are training texts, too
    cut_examples: int  # that were longer than `seq_length` tokens
    seq_length: int
    majority: Score  # the most common training label
    bag_of_words: Score
    probe: Mapping[str, Score]  # of "model", "random", and "latest" if there is such a model
    fine_tuning: Mapping[str, Score]

    @property
    def gain(self) -> float:
        """Return by how much fine-tuning gains from pre-training."""
        return self.fine_tuning["model"].mean - self.fine_tuning["random"].mean

    def metrics(self) -> dict[str, float]:
        """Return the scores that ML Metadata records, by name."""
        return {
            f"{self.name}.{self.metric}": self.fine_tuning["model"].mean,
            f"{self.name}.{self.metric}_spread": self.fine_tuning["model"].spread,
            f"{self.name}.{self.metric}_random": self.fine_tuning["random"].mean,
            f"{self.name}.probe": self.probe["model"].mean,
            f"{self.name}.probe_random": self.probe["random"].mean,
            f"{self.name}.bag_of_words": self.bag_of_words.mean,
            f"{self.name}.majority": self.majority.mean,
        }


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


def write_results(results: Mapping[str, TaskResult], settings: Any, folder: str) -> None:
    """Write `downstream.json`: results, settings, and how they were measured."""
    content = {
        "tasks": {name: asdict(result) for name, result in results.items()},
        "fine_tuning": settings.fine_tuning.model_dump(mode="json"),
        "method": METHOD,
    }
    text = json.dumps(content, indent=1, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(folder, DOWNSTREAM), text.encode())


def read_results(folder: str) -> dict[str, TaskResult]:
    """Read `downstream.json`.

    Raises:
        InputError: the folder has none.
    """
    written = storage.read_if_exists(storage.join(folder, DOWNSTREAM))
    if written is None:
        raise InputError(f"{folder}: no {DOWNSTREAM}. Run the DownstreamEvaluator again.")
    return {name: _result(values) for name, values in json.loads(written)["tasks"].items()}


def _result(values: dict[str, Any]) -> TaskResult:
    for name in ("majority", "bag_of_words"):
        values[name] = _score(values[name])
    for name in ("probe", "fine_tuning"):
        values[name] = {of: _score(own) for of, own in values[name].items()}
    return TaskResult(**values)


def _score(values: dict[str, Any]) -> Score:
    return Score(**{**values, "values": tuple(values["values"])})


def check_tasks(results: Mapping[str, TaskResult], tasks: Sequence[TaskSettings]) -> list[Check]:
    """Check what the tasks ask for a blessing; return whether each holds, with a sentence."""
    checks: list[Check] = []
    for task in tasks:
        result = results[task.name]
        if task.min_gain_over_random is not None:
            checks.append(_check_gain(result, task.min_gain_over_random))
        if task.no_worse_than_latest:
            checks.append(_check_latest(result))
    return checks


def _check_gain(result: TaskResult, required: float) -> Check:
    model, random = result.fine_tuning["model"], result.fine_tuning["random"]
    slack = _slack(model, random)
    return result.gain - slack > required, (
        f"{result.name}: {result.metric} {model.mean:.4f} is {result.gain:+.4f} over random "
        f"weights' {random.mean:.4f}, give or take {slack:.4f} (required: over {required:g} for "
        f"certain)"
    )


def _check_latest(result: TaskResult) -> Check:
    model, latest = result.fine_tuning["model"], result.fine_tuning.get("latest")
    if latest is None:
        return True, f"{result.name}: there is no other blessed model to compare with"
    slack = _slack(model, latest)
    difference = model.mean - latest.mean
    return difference >= -slack, (
        f"{result.name}: {result.metric} {model.mean:.4f} differs by {difference:+.4f} from the "
        f"latest blessed model's {latest.mean:.4f} (required: at least {-slack:+.4f}, two standard "
        f"errors)"
    )


def _slack(one: Score, other: Score) -> float:
    return STANDARD_ERRORS * math.hypot(one.uncertainty, other.uncertainty)
