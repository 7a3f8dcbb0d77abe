"""Five artifact folders to what a card says of a model."""

import json
import math
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from core import storage
from core.errors import InputError
from core.manifest import Manifest, read_manifest

METRICS = "metrics.json"
Metrics = dict[str, float]
Facts = dict[str, JsonValue]


@dataclass(frozen=True, kw_only=True)
class Origin:
    """A model and all that it came from."""

    model: Manifest
    documents: Manifest
    vocabulary: Manifest
    instances: Manifest
    metrics: Metrics  # on held-out text, in nats; finite numbers only
    baseline: Metrics  # the latest blessed model's on the same text; empty if there is none
    blessed: bool
    reasons: tuple[str, ...]  # sentences for and against


def read_origin(
    *, model: str, evaluation: str, documents: str, vocabulary: str, instances: str
) -> Origin:
    """Reads the folders' manifests and the evaluation.

    Args:
        model: folder of the exported model.
        evaluation: folder of the evaluation, with `metrics.json`.
        documents: folder of the documents.
        vocabulary: folder of the vocabulary.
        instances: folder of the instances that the model was trained on.

    Raises:
        InputError: a folder is not complete, or the model was trained on other instances.
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
            f"{model}: was trained on instances {str(trained_on)[:12]}…, and {instances} holds "
            f"{origin.instances.content_digest()[:12]}…. Describe a model with its own instances."
        )
    return origin


def nested(facts: Facts, name: str) -> Facts:
    """A fact that holds facts; empty if there is no such fact."""
    value = facts.get(name)
    return value if isinstance(value, dict) else {}


def _read_evaluation(folder: str) -> dict[str, Any]:
    path = storage.join(folder, METRICS)
    if not storage.exists(path):
        raise InputError(f"{folder}: no {METRICS}. Run the ModelEvaluator again.")
    content = json.loads(storage.read_bytes(path))
    return {
        "metrics": _finite(content["metrics"]),
        "baseline": _finite(content.get("baseline_metrics") or {}),
        "blessed": bool(content["blessed"]),
        "reasons": tuple(content["reasons"]),
    }


def _finite(metrics: Metrics) -> Metrics:
    return {name: value for name, value in metrics.items() if math.isfinite(value)}
