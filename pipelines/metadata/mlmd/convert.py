"""Convert artifacts and values to ML Metadata's messages and back."""

from typing import Any

from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as mlmd

from pipelines.metadata.live_artifacts import (
    MODEL_IDS,
    RESOURCE,
    ArtifactType,
    Json,
    LiveArtifact,
    PropertyKind,
)


def to_store(artifact: LiveArtifact, state: int, type_id: int) -> Any:
    """Convert an artifact to ML Metadata's record; undeclared properties become custom ones."""
    record = mlmd.Artifact(uri=artifact.uri, state=state, type_id=type_id)
    if artifact.id:
        record.id = artifact.id
    for name, value in artifact.metadata.items():
        kind = artifact.type.properties.get(name)
        if kind is not None and _fits(value, kind):
            set_value(record.properties[name], value)
        else:
            set_value(record.custom_properties[name], _model_id(name, value))
    return record


def from_store(record: Any, artifact_type: ArtifactType) -> LiveArtifact:
    """Convert ML Metadata's record to an artifact."""
    metadata: Json = {}
    for properties in (record.properties, record.custom_properties):
        for name, value in properties.items():
            plain = get_value(value)
            named = f"{RESOURCE}{plain}" if name in MODEL_IDS and isinstance(plain, int) else plain
            metadata.setdefault(name, named)
    return LiveArtifact(record.id, artifact_type, record.uri, metadata)


def set_value(target: Any, value: Any) -> None:
    """Set a `metadata_store_pb2.Value`; a whole number becomes an int."""
    if isinstance(value, bool):
        target.bool_value = value
    elif isinstance(value, int | float):
        if float(value).is_integer():
            target.int_value = int(value)
        else:
            target.double_value = value
    elif isinstance(value, str):
        target.string_value = value
    else:
        # TFX stores lists and objects like this (tfx.types.artifact._encode_struct_value).
        target.struct_value.update({"__value__": value})


def get_value(value: Any) -> Any:
    """Return the Python value of a `metadata_store_pb2.Value`."""
    kind = value.WhichOneof("value")
    if kind is None:
        return None
    if kind != "struct_value":
        return getattr(value, kind)
    content = json_format.MessageToDict(value.struct_value)
    return content.get("__value__", content)


def _fits(value: Any, kind: PropertyKind) -> bool:
    if kind == "STRING":
        return isinstance(value, str)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (kind == "DOUBLE" or float(value).is_integer())


def _model_id(name: str, value: Any) -> Any:
    if name in MODEL_IDS and isinstance(value, str) and value.startswith(RESOURCE):
        return int(value.removeprefix(RESOURCE))
    return value
