"""Placeholders: what Vertex AI replaces by a parameter's value when a task begins."""

import re
from typing import Any

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")


def placeholder(parameter: str) -> str:
    """Stands for a parameter, alone or within a longer text."""
    return f"{{{{$.inputs.parameters['{parameter}']}}}}"


def named_in(text: Any) -> list[str]:
    """The parameters that a text names; none if it is no text."""
    return _PLACEHOLDER.findall(text) if isinstance(text, str) else []
