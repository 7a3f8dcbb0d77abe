"""Evaluate a model on labeled tasks, beside what needs no pre-training.

Each task gives two scores. The frozen probe is a logistic regression on the model's vectors; it
takes seconds. Fine-tuning trains all weights, a few epochs, once per seed. Beside both stand the
most common label, a bag of words, the same architecture with random weights, and the latest blessed
model.
"""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from functools import cached_property

import numpy as np

from components.downstream_evaluator.bag_of_words import predict_from_words
from components.downstream_evaluator.model_folder import ModelFolder, open_model
from components.downstream_evaluator.read_task import read_task
from components.downstream_evaluator.results import Score, TaskResult, score
from components.evaluation_settings import DownstreamSettings
from core.progress import Advance, show_progress
from trainer.downstream.examples import Encoded, Examples, LabeledTask, check_positions, encode
from trainer.downstream.fine_tuning import FineTuner
from trainer.downstream.vectors import make_encode, predict_by_probe
from trainer.huggingface.weights import Values
from trainer.models.families import build_model
from trainer.models.parameters import first_values
from trainer.settings.fine_tuning import FineTuningSettings

log = logging.getLogger(__name__)


def evaluate_model(
    folder: str, settings: DownstreamSettings, latest_blessed: str | None = None
) -> dict[str, TaskResult]:
    """Evaluate the model in a folder on every task.

    Equal weights, tasks and settings give equal results on one machine.

    Args:
        folder: exported by Textmill, or written by `transformers`: BERT, ALBERT, or ELECTRA.
        settings: tasks and fine-tuning.
        latest_blessed: folder of the model to compare with. It may have another vocabulary, and
            fewer positions than a task: then its examples are cut.

    Returns:
        The results by the names of the tasks.

    Raises:
        InputError: the model, a file of a task or an example cannot be used.
    """
    tasks = [read_task(task) for task in settings.tasks]
    seeds = len(settings.fine_tuning.seeds)
    trainings = len(tasks) * (seeds * (3 if latest_blessed else 2))
    with ExitStack() as stack:
        model = stack.enter_context(open_model(folder))
        latest = stack.enter_context(open_model(latest_blessed)) if latest_blessed else None
        for task in tasks:
            check_positions(task, model.architecture.max_position, f"{model.name}: the model")
        advance = stack.enter_context(
            show_progress("DownstreamEvaluator", "fine-tunings", trainings)
        )
        return {
            task.name: _evaluate_task(task, model, latest, settings.fine_tuning, advance)
            for task in tasks
        }


def _evaluate_task(
    task: LabeledTask,
    model: ModelFolder,
    latest: ModelFolder | None,
    settings: FineTuningSettings,
    advance: Advance,
) -> TaskResult:
    candidate = _Candidate(model, task, settings)
    random_values = (_random(model, seed) for seed in settings.seeds)
    probes = {
        "model": candidate.score([candidate.probe(model.values)]),
        "random": candidate.score([candidate.probe(values) for values in random_values]),
    }
    tuned = {
        "model": candidate.score(candidate.fine_tune(model.values, advance)),
        "random": candidate.score(candidate.fine_tune(None, advance)),
    }
    if latest:
        other = candidate if latest.fingerprint == model.fingerprint else None
        other = other or _Candidate(latest, task, settings)
        probes["latest"] = other.score([other.probe(latest.values)])
        tuned["latest"] = other.score(other.fine_tune(latest.values, advance))
    all_labels = task.eval.flat_labels
    majority = np.full_like(all_labels, np.bincount(task.train.flat_labels).argmax())
    words = predict_from_words(task.train.sample(), task.eval, task.kind)
    return TaskResult(
        name=task.name,
        kind=task.kind,
        metric=task.metric,
        labels=len(task.labels),
        train_examples=len(task.train.texts),
        eval_examples=len(task.eval.texts),
        eval_labels=len(candidate.eval.labels),
        shared_examples=task.shared(),
        cut_examples=candidate.train.cut + candidate.eval.cut,
        seq_length=task.seq_length,
        majority=score([majority], all_labels, task.metric),
        bag_of_words=score([words], all_labels, task.metric),
        probe=probes,
        fine_tuning=tuned,
    )


class _Candidate:
    """A model's architecture and vocabulary on one task, with any weights."""

    def __init__(self, model: ModelFolder, task: LabeledTask, settings: FineTuningSettings) -> None:
        self._model = model
        self._task = task
        self._settings = settings

    @cached_property
    def train(self) -> Encoded:
        return self._encode(self._task.train)

    @cached_property
    def eval(self) -> Encoded:
        return self._encode(self._task.eval)

    @cached_property
    def _sample(self) -> Encoded:
        examples = self._task.train.sample()
        return self.train if examples is self._task.train else self._encode(examples)

    def _encode(self, examples: Examples) -> Encoded:
        positions = self._model.architecture.max_position
        return encode(examples, self._model.vocabulary, min(self._task.seq_length, positions))

    @cached_property
    def _tuner(self) -> FineTuner:
        return FineTuner(
            self._model.architecture,
            self.train,
            len(self._task.labels),
            per_word=self._task.kind == "tag",
            settings=self._settings,
        )

    def probe(self, values: Values) -> np.ndarray:
        """Predict with logistic regression on the vectors of an encoder's last layer."""
        encoder = make_encode(self._model.architecture, values)
        return predict_by_probe(encoder, self._sample, self.eval, self._task.kind)

    def fine_tune(self, values: Values | None, advance: Advance) -> list[np.ndarray]:
        """Predict after fine-tuning an encoder, once per seed; None: from random weights."""
        predictions = []
        for seed in self._settings.seeds:
            self._tuner.run(values, seed, self._model.name)
            predictions.append(self._tuner.predict(self.eval))
            advance(1)
        return predictions

    def score(self, predictions: Sequence[np.ndarray]) -> Score:
        """Score predictions of the held-out examples, one array per seed."""
        return score(predictions, self.eval.labels, self._task.metric)


def _random(model: ModelFolder, seed: int) -> Values:
    architecture = model.architecture
    parameters = build_model(architecture).parameters()
    return first_values(parameters, deviation=architecture.initializer_range, seed=seed)
