"""Placeholders that Vertex AI replaces by a parameter's value when a task starts."""

import re
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")


def placeholder(parameter: str) -> str:
    """Return the placeholder of a parameter; it may be part of a longer text."""
    return f"{{{{$.inputs.parameters['{parameter}']}}}}"


def find_placeholders(text: Any) -> list[str]:
    """Return the parameters that a text refers to; empty if it is not a string."""
    return _PLACEHOLDER.findall(text) if isinstance(text, str) else []
