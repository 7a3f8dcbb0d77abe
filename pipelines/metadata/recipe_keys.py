"""Translate exec properties into the recipe's keys, so that a difference reads as a setting."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

# Properties that hold a section of the recipe as JSON; "" puts its keys at the top level.
GROUPS = {
    "text_settings": "text",
    "vocabulary_settings": "vocabulary",
    "instance_settings": "instances",
    "masking_settings": "masking",
    "evaluation_settings": "evaluation",
    "downstream_settings": "evaluation",
    "card_settings": "card",
    "report_settings": "report",
    "custom_config": "",
    "training": "",
    "training_settings": "",
}
SHARED = {"seed"}  # settings of the whole recipe that several nodes record
# Where a node read and wrote. These make no difference to its outputs.
LOCATIONS = {"input_base", "input_config", "destination", "registry", "checkpoint_root"}
# Digests are compared as text and code; the rest is TFX's own and equal in every run.
NOT_SETTINGS = {
    "code_digest", "import_digest", "input_fingerprint", "span", "version", "module_path", "run_fn",
    "git_commit", "git_dirty", "recipe", "output_config", "output_data_format",
    "output_file_format", "train_args", "eval_args", "exclude_splits", "infer_feature_shape",
}  # fmt: skip
Flat = dict[str, Any]


def recipe_settings(node_id: str, properties: Mapping[str, Any]) -> Flat:
    """Return the settings of a node, for example {"trainer.learning_rate": 1e-4}.

    A property that is not a setting of the recipe is prefixed with the node's name:
    "SchemaGen.sample_rate".
    """
    return {key: value for key, value in _walk(node_id, properties) if not _is_location(key)}


def locations(node_id: str, properties: Mapping[str, Any]) -> Flat:
    """Return the folders that a node read from and wrote to, by the recipe's keys."""
    return {key: value for key, value in _walk(node_id, properties) if _is_location(key)}


def code_digest(properties: Mapping[str, Any]) -> str | None:
    """Return the digest of the code that made a node's outputs.

    The Trainer's is inside its settings; on Vertex AI it also has one of the code that starts jobs.
    """
    config = parse_nested_json(properties.get("custom_config"))
    training = config.get("training") if isinstance(config, Mapping) else None
    source = training if isinstance(training, Mapping) else properties
    return str(source["code_digest"]) if "code_digest" in source else None


def parse_nested_json(value: Any) -> Any:
    """Parse JSON that may hold strings of JSON, at every depth."""
    if isinstance(value, str) and value[:1] in {"{", "["}:
        try:
            return parse_nested_json(json.loads(value))
        except ValueError:
            return value
    if isinstance(value, Mapping):
        return {key: parse_nested_json(inner) for key, inner in value.items()}
    return value


def _walk(node_id: str, properties: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, raw in properties.items():
        value = parse_nested_json(raw)
        if name in NOT_SETTINGS:
            continue
        if name in GROUPS and isinstance(value, Mapping):
            yield from _flatten(GROUPS[name], value)
        else:
            yield (name if name in SHARED else f"{node_id}.{name}"), value


def _flatten(prefix: str, values: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if name in NOT_SETTINGS:
            continue
        key = ".".join(part for part in (prefix, GROUPS.get(name, name)) if part)
        if isinstance(value, Mapping):
            yield from _flatten(key, value)
        else:
            yield key, value


def _is_location(key: str) -> bool:
    return key.rpartition(".")[2] in LOCATIONS
