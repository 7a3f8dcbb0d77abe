"""Read, check and flatten JSON objects."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core import storage
from core.errors import InputError
from core.gcs.requests import NotFoundError

if TYPE_CHECKING:  # pydantic takes a tenth of a second to import, and every command imports this
    from pydantic import JsonValue


def parse_object(content: bytes, path: str, error_class: type[InputError]) -> dict[str, Any]:
    """Parse the content of a file that the user provided.

    Raises:
        InputError: of the given class, if the content is not a JSON object.
    """
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:  # RecursionError: deeply nested brackets
        raise error_class(
            f"{path}: not JSON ({error}). Get the file from its source again."
        ) from error
    if not isinstance(parsed, dict):
        raise error_class(f"{path}: not a JSON object. Get the file from its source again.")
    return parsed


def read_json(path: Path | str) -> dict[str, Any]:
    """Return the JSON object in a small file, or an empty one if the file has none."""
    try:
        content = json.loads(storage.read_bytes(str(path)))
    except (OSError, ValueError, NotFoundError):
        return {}
    return content if isinstance(content, dict) else {}


def flatten_facts(facts: JsonValue, prefix: str = "") -> dict[str, str]:
    """Flatten nested facts: {"masking": {"rate": 0.15}} becomes {"masking.rate": "0.15"}."""
    if not isinstance(facts, dict):
        return {prefix: facts if isinstance(facts, str) else json.dumps(facts)}
    flat: dict[str, str] = {}
    for name, value in sorted(facts.items()):
        flat |= flatten_facts(value, f"{prefix}.{name}" if prefix else name)
    return flat
