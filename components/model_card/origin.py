"""Read what a card says about a model from five artifact folders."""

import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from core import storage
from core.errors import InputError
from core.file_names import METRICS
from core.manifest import Manifest, read_manifest

Metrics = dict[str, float]
Facts = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A model and the artifacts that it was made from."""

    model: Manifest
    documents: Manifest
    vocabulary: Manifest
    instances: Manifest
    metrics: Metrics  # on held-out text; losses in nats; finite numbers only
    baseline: Metrics  # of the latest blessed model on the same text; empty if there is none
    tasks: dict[str, Facts]  # results of the downstream tasks by name, as in `TaskResult`
    blessed: bool
    reasons: tuple[str, ...]  # sentences for and against the blessing


def read_origin(
    *, model: str, evaluation: str, documents: str, vocabulary: str, instances: str
) -> Origin:
    """Read the manifests of the folders and the evaluation.

    Raises:
        InputError: a folder is incomplete, or the model was trained on other instances.
    """
    origin = Origin(
        model=read_manifest(model),
        documents=read_manifest(documents),
        vocabulary=read_manifest(vocabulary),
        instances=read_manifest(instances),
        **_read_evaluation(evaluation),
    )
    trained_on = origin.model.facts.get("instances_digest")
    if trained_on != origin.instances.content_digest():
        raise InputError(
            f"{model}: trained on instances {str(trained_on)[:12]}…, but {instances} has "
            f"{origin.instances.content_digest()[:12]}…. Describe a model with its own instances."
        )
    return origin


def nested(facts: Facts, name: str) -> Facts:
    """Return a fact that is itself a dictionary; empty if there is none."""
    value = facts.get(name)
    return value if isinstance(value, dict) else {}


def _read_evaluation(folder: str) -> dict[str, Any]:
    path = storage.join(folder, METRICS)
    written = storage.read_if_exists(path)
    if written is None:
        raise InputError(f"{folder}: no {METRICS}. Run the ModelEvaluator again.")
    content = json.loads(written)
    return {
        "metrics": _finite(content["metrics"]),
        "baseline": _finite(content.get("baseline_metrics") or {}),
        "tasks": content.get("tasks", {}),
        "blessed": bool(content["blessed"]),
        "reasons": tuple(content["reasons"]),
    }


def _finite(metrics: Metrics) -> Metrics:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
