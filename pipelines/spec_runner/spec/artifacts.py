"""Convert artifacts between ML Metadata and the JSON that a container receives."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml
from google.protobuf import json_format
from ml_metadata.proto import metadata_store_pb2 as mlmd

# Vertex AI names artifacts like this; TFX uses the name as the id.
RESOURCE = "projects/local/locations/local/metadataStores/default/artifacts/"
# Properties of TFX's blessings that refer to a model: by id in ML Metadata, by resource name on
# Vertex AI.
MODEL_IDS = ("current_model_id", "baseline_model_id")
_KINDS = {"integer": mlmd.INT, "int": mlmd.INT, "number": mlmd.DOUBLE, "double": mlmd.DOUBLE}
_TFX = "tfx."
Json = dict[str, Any]


@dataclass(frozen=True)
class ArtifactType:
    """A type of artifacts, as the spec declares it."""

    schema: Json  # {"instanceSchema": …} or {"schemaTitle": …}, for the container
    title: str  # "tfx.Examples", "components.Vocabulary", "system.Dataset"
    properties: Mapping[str, int]  # declared properties to metadata_store_pb2.PropertyType

    @property
    def name(self) -> str:
        """The name that TFX registers: its own types come without "tfx."."""
        return self.title.removeprefix(_TFX)


@dataclass
class LiveArtifact:
    """One artifact of a run."""

    id: int
    type: ArtifactType
    uri: str
    metadata: Json = field(default_factory=dict)

    @property
    def resource(self) -> str:
        """The resource name that Vertex AI would give it."""
        return f"{RESOURCE}{self.id}"

    def runtime_artifact(self) -> Json:
        """Return the `RuntimeArtifact` message."""
        return {
            "name": self.resource,
            "uri": self.uri,
            "type": self.type.schema,
            "metadata": self.metadata,
        }


LiveArtifacts = dict[str, list[LiveArtifact]]  # by input or output key


def read_type(schema: Any) -> ArtifactType:
    """Read the type that an `ArtifactTypeSchema` describes."""
    kind = schema.WhichOneof("kind")
    properties: dict[str, int] = {}
    if kind == "instance_schema":
        content = yaml.safe_load(schema.instance_schema) or {}
        title = str(content.get("title", "tfx.Artifact"))
        for name, declared in (content.get("properties") or {}).items():
            properties[name] = _KINDS.get(str(declared.get("type")), mlmd.STRING)
    else:
        title = schema.schema_title or schema.schema_uri or "system.Artifact"
    return ArtifactType(json_format.MessageToDict(schema), title, properties)


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


def _fits(value: Any, kind: int) -> bool:
    if kind == mlmd.STRING:
        return isinstance(value, str)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and (kind == mlmd.DOUBLE or float(value).is_integer())


def _model_id(name: str, value: Any) -> Any:
    if name in MODEL_IDS and isinstance(value, str) and value.startswith(RESOURCE):
        return int(value.removeprefix(RESOURCE))
    return value
