"""Describe where a run comes from: code, machine, user and versions."""

import json
from importlib.metadata import version

from core.provenance import current_user, git_state, hardware, image_digest
from pipelines.recipe.settings import Recipe

LIBRARIES = ("textmill", "tfx", "tensorflow", "apache-beam", "numpy", "tokenizers")


def describe_origin(recipe: Recipe | None = None) -> dict[str, str]:
    """Return the properties of a run in ML Metadata. None of them is part of a cache key.

    The recipe has its overrides applied; it is None if only the compiled pipeline is known.

    Returns:
        `recipe` and `versions` as JSON, `git_commit`, `git_dirty` (yes or no), `image_digest`,
        `hardware` as JSON, and `user`; without those that are not known.
    """
    git = git_state()
    properties = {
        "recipe": recipe and recipe.model_dump_json(),
        "git_commit": git["commit"],
        "git_dirty": None if git["dirty"] is None else "yes" if git["dirty"] else "no",
        "image_digest": image_digest(),
        "hardware": json.dumps(hardware(), ensure_ascii=False),
        "versions": json.dumps({name: version(name) for name in LIBRARIES}),
        "user": current_user(),
    }
    return {name: str(value) for name, value in properties.items() if value is not None}
