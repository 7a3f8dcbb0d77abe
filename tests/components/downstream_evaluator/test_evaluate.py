"""A model is evaluated on tasks as scikit-learn and a plain forward pass do it."""

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn.linear_model import LogisticRegression

from components.downstream_evaluator.evaluate import evaluate_model
from components.downstream_evaluator.read_task import read_task
from components.downstream_evaluator.results import check_tasks, read_results, write_results
from components.evaluation_settings import DownstreamSettings
from core.errors import InputError
from core.vocabulary.vocabulary import load_vocabulary
from tests.components.downstream_evaluator.tasks import (
    settings_of,
    write_plurals,
    write_polarity,
    write_same,
)
from tests.small_model import write_small_model
from trainer.downstream.examples import Examples
from trainer.huggingface.read import read_model
from trainer.models.families import build_model
from trainer.settings.fine_tuning import FineTuningSettings

QUICK = FineTuningSettings(epochs=5, learning_rate=3e-3, batch_size=16, seeds=(1, 2), device="cpu")


def test_the_probe_is_logistic_regression_on_mean_vectors(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "model")
    task = settings_of(write_polarity(tmp_path))
    examples = read_task(task)
    settings = DownstreamSettings(tasks=(task,), fine_tuning=QUICK)
    result = evaluate_model(folder, settings)["polarity"]
    train, held_out = (mean_vectors(folder, e) for e in (examples.train, examples.eval))
    mean, deviation = train.mean(0), train.std(0)
    probe = LogisticRegression(max_iter=500)
    probe.fit((train - mean) / deviation, examples.train.flat_labels)
    predicted = probe.predict((held_out - mean) / deviation)
    expected = (predicted == examples.eval.flat_labels).mean()
    assert result.probe["model"].values == (pytest.approx(expected, 1e-5),)
    assert len(result.fine_tuning["random"].values) == 2
    assert result.bag_of_words.mean == 1.0
    common = np.bincount(examples.train.flat_labels).argmax()
    assert result.majority.mean == pytest.approx((examples.eval.flat_labels == common).mean(), 1e-5)


def mean_vectors(folder: str, examples: Examples) -> np.ndarray:
    """The mean of the last layer, text by text and without padding."""
    architecture, values = read_model(folder)
    model, vocabulary = build_model(architecture), load_vocabulary(folder)
    vectors = []
    for (text,) in examples.texts:
        ids = vocabulary.tokenizer().encode(text).ids
        row = tf.constant([[vocabulary.cls_id, *ids, vocabulary.sep_id]])
        hidden = model.encode(values, row, tf.ones_like(row), tf.zeros_like(row))
        vectors.append(hidden.numpy()[0].mean(0))
    return np.array(vectors)


def test_all_kinds_against_a_model_of_another_family(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "model", "electra")
    # Its texts are cut: it has fewer positions than the tasks.
    latest = write_small_model(tmp_path / "latest", "albert", max_position=8)
    tasks = (
        settings_of(write_plurals(tmp_path), min_gain_over_random=2, no_worse_than_latest=True),
        settings_of(write_same(tmp_path), min_gain_over_random=-1),
    )
    settings = DownstreamSettings(tasks=tasks, fine_tuning=QUICK)
    results = evaluate_model(folder, settings, latest)
    assert results["plurals"].metric == "macro_f1"
    assert results["plurals"].eval_labels == 16 * 5
    assert {"model", "random", "latest"} == set(results["same"].probe)
    write_results(results, settings, str(tmp_path))
    assert read_results(str(tmp_path)) == results
    assert set(results["same"].metrics()) > {"same.accuracy", "same.probe"}
    gains = check_tasks(results, tasks)
    assert [ok for ok, _ in gains][::2] == [False, True]
    assert "over random weights'" in gains[0][1]


def test_a_model_with_too_few_positions_is_refused(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "model")
    task = settings_of(write_polarity(tmp_path), seq_length=65)
    with pytest.raises(InputError, match="has 64 positions, but task polarity has a seq_length"):
        evaluate_model(folder, DownstreamSettings(tasks=(task,)))
