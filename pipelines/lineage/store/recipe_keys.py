"""Exec properties to the recipe's own keys, so that a difference reads as a setting."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# A property that holds a group of the recipe as JSON. "" puts the inner names at the top.
GROUPS = {
    "text_settings": "text",
    "vocabulary_settings": "vocabulary",
    "instance_settings": "instances",
    "masking_settings": "masking",
    "evaluation_settings": "evaluation",
    "card_settings": "card",
    "report_settings": "report",
    "custom_config": "",
    "training": "",
    "training_settings": "",
}
SHARED = {"seed"}  # a setting of the whole recipe that several nodes carry
PLACES = {"input_base", "input_config", "destination", "checkpoint_root"}  # where, and not what
# Digests are compared as text and code; the rest are TFX's own, the same in every run.
UNTOLD = {
    "code_digest", "import_digest", "input_fingerprint", "span", "version", "module_path", "run_fn",
    "git_commit", "git_dirty", "recipe", "output_config", "output_data_format",
    "output_file_format", "train_args", "eval_args", "exclude_splits", "infer_feature_shape",
}  # fmt: skip
Flat = dict[str, Any]


def recipe_settings(node_id: str, properties: Mapping[str, Any]) -> Flat:
    """What a node was told, as {"trainer.learning_rate": 1e-4, …}.

    A property that is no setting of the recipe keeps its node's name: "SchemaGen.sample_rate".
    """
    return {key: value for key, value in _walk(node_id, properties) if not _is_place(key)}


def places(node_id: str, properties: Mapping[str, Any]) -> Flat:
    """Where a node read and wrote; it makes no difference to what came out."""
    return {key: value for key, value in _walk(node_id, properties) if _is_place(key)}


def code_digest(properties: Mapping[str, Any]) -> str | None:
    """The digest of the code that a node ran; the Trainer's lies within its settings."""
    if "code_digest" in properties:
        return str(properties["code_digest"])
    inner = opened(properties.get("custom_config"))
    training = inner.get("training") if isinstance(inner, Mapping) else None
    return str(training["code_digest"]) if isinstance(training, Mapping) else None


def opened(value: Any) -> Any:
    """JSON within JSON, opened as far as it goes."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return opened(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {key: opened(inner) for key, inner in value.items()}
    return value


def _walk(node_id: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, raw in properties.items():
        value = opened(raw)
        if name in UNTOLD:
            continue
        if name in GROUPS and isinstance(value, Mapping):
            yield from _flatten(GROUPS[name], value)
        else:
            yield (name if name in SHARED else f"{node_id}.{name}"), value


def _flatten(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name in UNTOLD:
            continue
        key = ".".join(part for part in (prefix, "" if name in GROUPS else name) if part)
        if isinstance(value, Mapping):
            yield from _flatten(key, value)
        else:
            yield key, value


def _is_place(key: str) -> bool:
    return key.rpartition(".")[2] in PLACES
