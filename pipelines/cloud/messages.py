"""Messages of Vertex AI's API as JSON for people and programs; secrets are blotted out."""

import json
from typing import Any

from pipelines.cloud.errors import without_secrets


def as_json(message: Any) -> dict[str, Any]:
    """A message with the API's own names: camelCase, enums by name, times in ISO form."""
    from google.protobuf import json_format

    content: dict[str, Any] = json_format.MessageToDict(type(message).pb(message))
    return content


def to_text(content: Any) -> str:
    """Indented JSON; a text in it that looks like a token is blotted out."""
    return without_secrets(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False))
