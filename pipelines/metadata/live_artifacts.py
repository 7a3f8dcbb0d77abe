"""Represent the artifacts of a compiled pipeline, and the JSON of them that a container gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from google.protobuf import json_format

# Vertex AI names artifacts like this; TFX uses the name as the id.
RESOURCE = "projects/local/locations/local/metadataStores/default/artifacts/"
# Properties of TFX's blessings that refer to a model: by id in ML Metadata, by resource name on
# Vertex AI.
MODEL_IDS = ("current_model_id", "baseline_model_id")
PropertyKind = Literal["INT", "DOUBLE", "STRING"]  # names in ML Metadata
_KINDS: dict[str, PropertyKind] = {
    "integer": "INT",
    "int": "INT",
    "number": "DOUBLE",
    "double": "DOUBLE",
}
_TFX = "tfx."
Json = dict[str, Any]


@dataclass(frozen=True)
class ArtifactType:
    """A type of artifacts, as the spec declares it."""

    schema: Json  # {"instanceSchema": …} or {"schemaTitle": …}, for the container
    title: str  # "tfx.Examples", "components.Vocabulary", "system.Dataset"
    properties: Mapping[str, PropertyKind]  # declared properties

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
    properties: dict[str, PropertyKind] = {}
    if kind == "instance_schema":
        content = yaml.safe_load(schema.instance_schema) or {}
        title = str(content.get("title", "tfx.Artifact"))
        for name, declared in (content.get("properties") or {}).items():
            properties[name] = _KINDS.get(str(declared.get("type")), "STRING")
    else:
        title = schema.schema_title or schema.schema_uri or "system.Artifact"
    return ArtifactType(json_format.MessageToDict(schema), title, properties)
