"""A model is blessed if it beats the unigram baseline and the latest blessed model."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from tfx.types import standard_artifacts

from components.evaluation_settings import EvaluationSettings
from components.model_evaluator.baseline import LatestOtherBlessedModelStrategy
from components.model_evaluator.decide_blessing import (
    Baseline,
    decide_blessing,
    explain_incomparable,
)
from components.model_evaluator.executor import _set_properties
from core.manifest import Manifest, describe_file, write_manifest

METRICS = {"masked_lm_loss": 4.0, "unigram_loss": 6.0}


@pytest.mark.parametrize(
    ("baseline_loss", "min_gain", "max_increase", "blessed"),
    [
        (None, 0.0, 0.0, True),  # the first model only needs to beat the unigram baseline
        (None, 2.5, 0.0, False),
        (4.0, 0.0, 0.0, True),  # no worse
        (3.9, 0.0, 0.0, False),
        (3.9, 0.0, 0.2, True),  # worse, but within the limit
    ],
)
def test_the_decision_follows_the_thresholds(
    baseline_loss: float | None, min_gain: float, max_increase: float, blessed: bool
) -> None:
    baseline = None if baseline_loss is None else Baseline({"masked_lm_loss": baseline_loss})
    settings = EvaluationSettings(min_gain_over_unigram=min_gain, max_loss_increase=max_increase)
    verdict = decide_blessing(METRICS, baseline, settings)
    assert verdict.blessed is blessed
    assert len(verdict.reasons) == 2


def test_a_loss_above_the_unigram_baseline_is_reported() -> None:
    metrics = {"masked_lm_loss": 6.5, "unigram_loss": 6.0}
    verdict = decide_blessing(metrics, None, EvaluationSettings())
    assert not verdict.blessed
    end = "0.5000 nats above the unigram baseline 6.0000 (required: more than 0 nats below)"
    assert verdict.reasons[0].endswith(end)


@pytest.mark.parametrize(
    ("area", "loss", "blessed"), [(0.7, 0.2, True), (0.5, 0.2, False), (0.7, 0.4, False)]
)
def test_electra_is_evaluated_by_its_discriminator(area: float, loss: float, blessed: bool) -> None:
    metrics = {**METRICS, "replaced_token_auc": area, "replaced_token_loss": loss}
    baseline = Baseline({"masked_lm_loss": 1.0, "replaced_token_loss": 0.3})
    assert decide_blessing(metrics, baseline, EvaluationSettings()).blessed is blessed


BERT_AT_CHANCE = {
    "next_sentence_accuracy": 0.46,
    "next_sentence_loss": 2.66,
    "random_next_share": 0.5,
}
ALBERT_AT_CHANCE = {
    "sentence_order_accuracy": 0.6,
    "sentence_order_loss": 0.9,
    "swapped_share": 0.4,
}
CLASSES = {f"sequence_relation_share_{n}": share for n, share in enumerate((0.5, 0.25, 0.25))}


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (
            BERT_AT_CHANCE,
            "no better than chance: next-sentence accuracy 46.0 % (chance: 50.0 %), next-sentence "
            "loss 2.660 (chance: 0.693); only the masked-token loss decides",
        ),
        (
            ALBERT_AT_CHANCE,
            "no better than chance: sentence-order accuracy 60.0 % (chance: 60.0 %), "
            "sentence-order loss 0.900 (chance: 0.673); only the masked-token loss decides",
        ),
        (
            {**CLASSES, "sequence_relation_accuracy": 0.7, "sequence_relation_loss": 1.1},
            "no better than chance: sequence-relation loss 1.100 (chance: 1.040); only the "
            "masked-token loss decides",
        ),
        (
            {"replaced_token_auc": 0.48, "replaced_token_loss": 0.4},
            "no better than chance: replaced-token AUC 0.480 (chance: 0.500)",
        ),
        ({**BERT_AT_CHANCE, "next_sentence_accuracy": 0.8, "next_sentence_loss": 0.5}, None),
        ({}, None),
    ],
    ids=["next sentence", "sentence order", "classes", "replaced tokens", "learned", "no pairs"],
)
def test_metrics_at_chance_level_are_reported_and_do_not_decide(
    metrics: dict[str, float], expected: str | None
) -> None:
    settings = EvaluationSettings(min_replaced_token_auc=0)
    verdict = decide_blessing({**METRICS, **metrics}, None, settings)
    assert verdict.blessed
    assert verdict.reasons[2:] == ((expected,) if expected else ())


@pytest.mark.parametrize(("policy", "blessed"), [("accept", True), ("refuse", False)])
def test_an_incomparable_baseline_is_reported(policy: Any, blessed: bool) -> None:
    settings = EvaluationSettings(incomparable_baseline=policy)
    verdict = decide_blessing(METRICS, Baseline(not_comparable="has another vocabulary"), settings)
    assert verdict.blessed is blessed
    assert "the latest blessed model has another vocabulary" in verdict.reasons[1]


def model_manifest(**changes: Any) -> Manifest:
    shape = {"type": changes.pop("type", "bert"), "max_position": changes.pop("positions", 64)}
    facts = {"vocabulary_digest": "v", "seq_length": 64, "objective": "none", "architecture": shape}
    return Manifest(kind="model", shards={}, counts={}, facts={**facts, **changes})


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, None),
        ({"vocabulary_digest": "w"}, "another vocabulary"),
        ({"type": "albert"}, "of type albert"),
        ({"positions": 32}, "32 positions"),
        ({"objective": "next_sentence"}, "next_sentence instances"),
    ],
)
def test_models_with_differences_are_not_comparable(
    changes: dict[str, Any], expected: str | None
) -> None:
    reason = explain_incomparable(model_manifest(**changes), model_manifest())
    assert reason is None if expected is None else expected in str(reason)


def model(number: int, root: Path, content: str = "") -> standard_artifacts.Model:
    """Write a model of one file to a folder of its own."""
    artifact = standard_artifacts.Model()
    artifact.id, artifact.uri = number, str(root / str(number))
    folder = root / str(number) / "Format-Serving"
    folder.mkdir(parents=True)
    (folder / "weights").write_text(content or str(number), encoding="utf-8")
    shards = {"all": [describe_file(str(folder), "weights")]}
    write_manifest(str(folder), Manifest(kind="model", shards=shards, counts={}, facts={}))
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
        (1, [(10, 1, 1)], []),  # the first model, run again: still no baseline
        (2, [(10, 1, 1)], [1]),
        (2, [(10, 1, 1), (11, 2, 1)], [1]),  # the second, run again: the same baseline
        (3, [(10, 1, 1), (11, 2, 0)], [1]),  # a model that was not blessed is skipped
        (3, [(10, 2, 1), (11, 1, 1)], [1]),  # the latest blessing counts, not the latest model
    ],
)
def test_the_baseline_is_the_latest_blessed_other_model(
    candidate: int, blessings: list[tuple[int, int, int]], baseline: list[int], tmp_path: Path
) -> None:
    models = [model(number, tmp_path) for number in (1, 2, 3)]
    channels: dict[str, Any] = {
        "candidate": [models[candidate - 1]],
        "model": models,
        "model_blessing": [blessing(*values) for values in blessings],
    }
    resolved = LatestOtherBlessedModelStrategy().resolve_artifacts(None, channels)
    assert [artifact.id for artifact in resolved["model"]] == baseline


def test_a_missing_changed_or_equal_model_is_no_baseline(tmp_path: Path) -> None:
    models = [model(number, tmp_path, content) for number, content in enumerate("abcd", 1)]
    candidate = model(5, tmp_path, "b")  # trained again after number 2 was lost
    shutil.rmtree(models[3].uri)
    Path(models[2].uri, "Format-Serving", "weights").write_text("C", encoding="utf-8")
    channels: dict[str, Any] = {
        "candidate": [candidate],
        "model": [*models, candidate],
        "model_blessing": [blessing(10 + number, number, 1) for number in (1, 2, 3, 4)],
    }
    resolved = LatestOtherBlessedModelStrategy().resolve_artifacts(None, channels)
    assert [artifact.id for artifact in resolved["model"]] == [1]


def test_a_measure_of_nothing_is_not_recorded() -> None:
    """Nothing is predicted as replaced, so its precision is 0 / 0, which ML Metadata refuses."""
    artifact = standard_artifacts.Model()
    _set_properties(artifact, {"replaced_token_precision": float("nan"), "loss": 0.5})
    assert artifact.get_float_custom_property("loss") == 0.5
    assert not artifact.has_custom_property("replaced_token_precision")
