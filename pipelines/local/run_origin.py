"""A recipe to what is kept of a run beside its results: by which code, where, and by whom."""

import json
from importlib.metadata import version

from core.provenance import current_user, git_state, hardware, image_digest
from pipelines.recipe.settings import Recipe

LIBRARIES = ("textmill", "tfx", "tensorflow", "apache-beam", "numpy", "tokenizers")


def run_origin(recipe: Recipe | None = None) -> dict[str, str]:
    """Properties of a run in ML Metadata; none of them enters an artifact or a cache key.

    Args:
        recipe: with its overrides applied; None where only its compiled form is known.

    Returns:
        `recipe` and `versions` as JSON, `git_commit`, `git_dirty` (yes or no), `image_digest`,
        `hardware` as JSON, and `user`; what is not known is left out.
    """
    git = git_state()
    known = {
        "recipe": recipe and recipe.model_dump_json(),
        "git_commit": git["commit"],
        "git_dirty": None if git["dirty"] is None else "yes" if git["dirty"] else "no",
        "image_digest": image_digest(),
        "hardware": json.dumps(hardware(), ensure_ascii=False),
        "versions": json.dumps({name: version(name) for name in LIBRARIES}),
        "user": current_user(),
    }
    return {name: str(value) for name, value in known.items() if value is not None}
