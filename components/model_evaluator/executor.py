"""Evaluate a model, and write its metrics and the blessing."""

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

from tfx import types
from tfx.components.evaluator import constants
from tfx.types import artifact_utils
from tfx.utils import path_utils

from components.artifacts import Artifacts
from components.downstream_evaluator.results import TaskResult, check_tasks, read_results
from components.evaluation_settings import EvaluationSettings
from components.model_evaluator.decide_blessing import (
    Baseline,
    BlessingDecision,
    Metrics,
    decide_blessing,
    explain_incomparable,
)
from components.tfx_internals.executors import EvaluatorExecutor
from core import storage
from core.file_names import METRICS
from core.manifest import read_manifest
from trainer.evaluation import evaluate


class Executor(EvaluatorExecutor):
    """Evaluate a model on the eval split."""

    def Do(
        self, input_dict: Artifacts, output_dict: Artifacts, exec_properties: dict[str, Any]
    ) -> None:
        """Write `metrics.json` and the blessing.

        Args:
            input_dict: `model`, `instances`; `baseline_model` and `downstream_evaluation` may be
                missing or empty.
            output_dict: `evaluation`, `blessing`.
            exec_properties: `evaluation_settings` (JSON), `seed`, `code_digest`.
        """
        settings = EvaluationSettings.model_validate_json(exec_properties["evaluation_settings"])
        seed = int(exec_properties["seed"])
        instances = artifact_utils.get_single_uri(input_dict["instances"])
        model = artifact_utils.get_single_instance(input_dict["model"])
        # Vertex AI's resolver returns the latest of all blessed models. That is this model if a run
        # is repeated and its model comes from the cache (see baseline.py).
        baselines = [b for b in input_dict.get("baseline_model") or [] if b.uri != model.uri]

        def measure(of: types.Artifact) -> Metrics:
            folder = path_utils.serving_model_path(of.uri)
            return evaluate(folder, instances, "eval", settings.batch_size, seed).metrics()

        metrics = measure(model)
        baseline = _measure_baseline(model, baselines[0], measure) if baselines else None
        downstream = input_dict.get("downstream_evaluation")
        tasks = read_results(artifact_utils.get_single_uri(downstream)) if downstream else {}
        decision = decide_blessing(metrics, baseline, settings, check_tasks(tasks, settings.tasks))
        evaluation = artifact_utils.get_single_instance(output_dict["evaluation"])
        write_metrics(evaluation, metrics, baseline, decision, tasks)
        blessing = artifact_utils.get_single_instance(output_dict["blessing"])
        write_blessing(blessing, model, baselines, decision)


def _measure_baseline(
    model: types.Artifact, baseline: types.Artifact, measure: Callable[[types.Artifact], Metrics]
) -> Baseline:
    manifests = (read_manifest(path_utils.serving_model_path(a.uri)) for a in (baseline, model))
    reason = explain_incomparable(*manifests)
    return Baseline(not_comparable=reason) if reason else Baseline(metrics=measure(baseline))


def write_metrics(
    evaluation: types.Artifact,
    metrics: Metrics,
    baseline: Baseline | None,
    decision: BlessingDecision,
    tasks: Mapping[str, TaskResult],
) -> None:
    """Write `metrics.json`, and the metrics to ML Metadata for lineage reviews."""
    for result in tasks.values():
        metrics = {**metrics, **result.metrics()}
    report = {
        "metrics": metrics,
        **({"tasks": {name: asdict(result) for name, result in tasks.items()}} if tasks else {}),
        "baseline_metrics": baseline.metrics if baseline else None,
        "blessed": decision.blessed,
        "reasons": list(decision.reasons),
    }
    content = json.dumps(report, indent=1, sort_keys=True) + "\n"
    storage.write_bytes(storage.join(evaluation.uri, METRICS), content.encode())
    _set_properties(evaluation, metrics)


def write_blessing(
    blessing: types.Artifact,
    model: types.Artifact,
    baselines: list[types.Artifact],
    decision: BlessingDecision,
) -> None:
    """Write the blessing as TFX's Evaluator does, so that its Pusher and resolvers read it."""
    properties = {
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_URI_KEY: model.uri,
        constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY: model.id,
    }
    for baseline in baselines:
        properties[constants.ARTIFACT_PROPERTY_BASELINE_MODEL_URI_KEY] = baseline.uri
        properties[constants.ARTIFACT_PROPERTY_BASELINE_MODEL_ID_KEY] = baseline.id
    value = constants.BLESSED_VALUE if decision.blessed else constants.NOT_BLESSED_VALUE
    _set_properties(blessing, {**properties, constants.ARTIFACT_PROPERTY_BLESSED_KEY: value})
    name = constants.BLESSED_FILE_NAME if decision.blessed else constants.NOT_BLESSED_FILE_NAME
    content = "".join(f"{reason}\n" for reason in decision.reasons)
    storage.write_bytes(storage.join(blessing.uri, name), content.encode())


def _set_properties(artifact: types.Artifact, values: Mapping[str, str | float]) -> None:
    for name, value in values.items():
        if isinstance(value, str):
            artifact.set_string_custom_property(name, value)
        elif isinstance(value, int):
            artifact.set_int_custom_property(name, value)
        elif math.isfinite(value):  # SQLite has no NaN, such as the precision of no prediction
            artifact.set_float_custom_property(name, value)
