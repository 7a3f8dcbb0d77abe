"""Weights on the way are scored by probes, which change none of them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from sklearn import metrics
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from components.downstream_evaluator.bag_of_words import predict_from_words
from core.errors import InputError
from core.manifest import read_manifest
from core.vocabulary.vocabulary import load_vocabulary
from tests.small_model import write_small_model
from tests.small_vocabulary import write_small_vocabulary
from tests.trainer.conftest import MakeSettings
from tests.trainer.downstream.test_fine_tuning import sentences, tagged
from tests.trainer.training_tools import one_cpu, two_cpus
from trainer.downstream.curve import TaskProbes
from trainer.downstream.examples import Examples, LabeledTask, encode
from trainer.downstream.probe import compute_metric, predict_from_vectors
from trainer.downstream.task_files import read_task_files, write_task
from trainer.downstream.vectors import make_encode, predict_by_probe
from trainer.huggingface.read import read_model
from trainer.models.families import build_model
from trainer.models.parameters import make_variables
from trainer.training import train_and_export

RUN = {"steps": 20, "save_every_steps": 10, "evaluate_every_steps": 10, "log_every_steps": 10}
WEIGHTS = "transformers/model.safetensors"


def polarity(seed: int = 0, **changes: object) -> LabeledTask:
    values = {"train": sentences(40 + seed), "eval": sentences(30), "labels": ("bad", "good")}
    values |= {"name": "polarity", "kind": "classify", "metric": "accuracy", "seq_length": 16}
    return LabeledTask(**{**values, **changes})


def train(settings: object, instances: str, scratch: Path, *tasks: str) -> list[dict[str, float]]:
    """Train, and return the curve of the tasks."""
    folders = str(scratch / "model"), str(scratch / "run")
    train_and_export(settings, [instances], *folders, tasks=tasks)
    return json.loads((scratch / "run/training.json").read_text()).get("task_scores", [])


def test_a_run_has_a_curve_and_the_weights_of_one_without(
    dynamic_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    task = polarity()
    file = write_task(task, str(tmp_path))
    settings = make_settings(**RUN, evaluate_tasks=["polarity"])
    with pytest.raises(InputError, match="names polarity, but the training job has no file"):
        train(settings, dynamic_folder, tmp_path)
    curve = train(settings, dynamic_folder, tmp_path / "with", file)
    assert [point["step"] for point in curve] == [0, 10, 20]
    model = tmp_path / "with/model"
    assert read_manifest(str(model)).facts["task_scores"] == curve
    (events,) = (tmp_path / "with/run").glob("events.out.tfevents.*")
    summaries = tf.compat.v1.train.summary_iterator(str(events))
    steps = [e.step for e in summaries for v in e.summary.value if v.tag == "polarity.probe"]
    assert steps == [0, 10, 20]

    # --- The last point is the probe of the published model -----------------------------------
    architecture, values = read_model(str(model))
    vocabulary = load_vocabulary(f"{dynamic_folder}/vocabulary")
    splits = [encode(examples, vocabulary, 16) for examples in (task.train, task.eval)]
    encoder = make_encode(architecture, values)
    predicted = predict_by_probe(encoder, *splits, "classify")
    accuracy = (predicted == splits[1].labels).mean()
    assert curve[-1]["polarity.probe"] == pytest.approx(accuracy, abs=1e-6)

    # --- A run that resumes in the middle has the same curve, and other examples another --------
    (folder,) = Path(settings.checkpoint_root).iterdir()
    for path in folder.glob("*000000020*"):
        path.unlink()
    assert train(settings, dynamic_folder, tmp_path / "again", file) == curve
    other = write_task(polarity(1), str(tmp_path))
    assert [p["step"] for p in train(settings, dynamic_folder, tmp_path / "other", other)] == [20]

    # --- The weights are those of a run without tasks -----------------------------------------
    shutil.rmtree(folder)
    plain = make_settings(**RUN)
    assert train(plain, dynamic_folder, tmp_path / "without") == []
    assert (model / WEIGHTS).read_bytes() == (tmp_path / "without/model" / WEIGHTS).read_bytes()
    assert [path.name for path in Path(settings.checkpoint_root).iterdir()] == [folder.name]


def test_two_devices_score_as_one(tmp_path: Path) -> None:
    folder = write_small_model(tmp_path / "model", "electra")
    architecture, values = read_model(folder)
    words = {"kind": "tag", "metric": "macro_f1", "train": tagged(30), "eval": tagged(20)}
    task = polarity(name="plurals", **words)
    read = read_task_files(["plurals"], [write_task(task, str(tmp_path))], 64)
    scores = []
    for strategy in (one_cpu(), two_cpus()):
        with strategy.scope():
            variables = make_variables(values)
        vocabulary, model = load_vocabulary(folder), build_model(architecture)
        scores.append(TaskProbes(read, strategy, model, variables, vocabulary)())
    assert scores[0] == scores[1] == {"plurals.probe": pytest.approx(1.0)}


def test_files_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none.json: no such file"):
        read_task_files(["polarity"], [str(tmp_path / "none.json")], 64)
    (tmp_path / "bad.json").write_text('{"name": "polarity"}')
    with pytest.raises(InputError, match=r"bad.json: kind: Field required. Name a file"):
        read_task_files(["polarity"], [str(tmp_path / "bad.json")], 64)
    long = write_task(polarity(seq_length=65), str(tmp_path))
    with pytest.raises(InputError, match="has 64 positions, but task polarity has a seq_length"):
        read_task_files(["polarity"], [long], 64)


def test_a_probe_sees_a_sample_of_many_labels() -> None:
    few = tagged(40)
    assert few.sample() is few
    many = Examples(few.texts * 1000, few.labels * 1000)
    sample = many.sample()
    assert len(sample.flat_labels) == 20_000
    assert sample == many.sample()


@pytest.mark.parametrize("classes", [2, 4])
def test_the_probe_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(classes)
    x = rng.normal(size=(700, 24)).astype(np.float32) * rng.uniform(0.1, 9, 24).astype(np.float32)
    x[:, 3] = 5.0  # tells nothing
    noise = 3 * rng.normal(size=(700, classes))
    labels = (x @ rng.normal(size=(24, classes)) + noise).argmax(1).astype(np.int32)
    scaler, theirs = StandardScaler(), LogisticRegression(max_iter=5000, tol=1e-8)
    theirs.fit(scaler.fit_transform(x[:400]), labels[:400])
    expected = theirs.predict(scaler.transform(x[400:]))
    ours = predict_from_vectors(x[:400], labels[:400], x[400:])
    np.testing.assert_array_equal(ours, expected)
    for name, function in (
        ("accuracy", metrics.accuracy_score),
        ("macro_f1", lambda y, p: metrics.f1_score(y, p, average="macro")),
        ("matthews", metrics.matthews_corrcoef),
    ):
        expected_score = pytest.approx(function(labels[400:], ours))
        assert compute_metric(name, labels[400:], ours) == expected_score
        same = np.zeros(5, np.int32)  # one label, always predicted
        assert compute_metric(name, same, same) == (0.0 if name == "matthews" else 1.0)


def test_labels_without_an_alternative_are_predicted() -> None:
    x = np.ones((3, 4), np.float32)
    assert predict_from_vectors(x, np.array([7, 7, 7], np.int32), x[:2]).tolist() == [7, 7]
    one = Examples((("a",), ("b",)), ((1,), (1,)))
    assert predict_from_words(one, one, "classify").tolist() == [1, 1]


def test_a_model_that_diverged_has_no_probe(tmp_path: Path) -> None:
    folder = str(write_small_vocabulary(tmp_path / "vocabulary"))
    examples = encode(sentences(4), load_vocabulary(folder), 16)
    with pytest.raises(InputError, match="not all finite numbers"):
        predict_by_probe(lambda _: tf.fill((64, 16, 4), np.nan), examples, examples, "classify")
