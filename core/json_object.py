"""A stranger's bytes to a JSON object, or a sentence that says what they are instead."""

import json
from typing import Any

from core.errors import InputError


def parse_object(content: bytes, path: str, refusal: type[InputError]) -> dict[str, Any]:
    """Parses a file's content.

    Args:
        content: the file's.
        path: of the file, for the message.
        refusal: what is raised where the content is anything but a JSON object.
    """
    try:
        parsed = json.loads(content)
    except (ValueError, RecursionError) as error:  # the latter of brackets in brackets
        raise refusal(f"{path}: not JSON ({error}). Take it from its source again.") from error
    if not isinstance(parsed, dict):
        raise refusal(f"{path}: not a JSON object. Take it from its source again.")
    return parsed
