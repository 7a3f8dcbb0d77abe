"""Locate the sources of a recipe's text for a spec, whose runs read them from gs://."""

import itertools
from collections.abc import Mapping

from core.errors import InputError
from core.gcs.requests import SCHEME
from pipelines.local.text_location import WILD
from pipelines.recipe.settings import Recipe


def locate_sources(recipe: Recipe) -> tuple[str, Mapping[str, tuple[str, ...]]]:
    """Return the common folder of the sources, and by name the pattern of each below it.

    Nothing is listed: the pattern of a file or folder is its name.

    Raises:
        InputError: a source is not on gs://, they are in several buckets, or the recipe's section
            `vertex` names text, too.
    """
    if recipe.vertex and (recipe.vertex.text_root or recipe.vertex.text_pattern != "**"):
        raise InputError(
            "vertex.text_root and text_pattern: the recipe has text.sources. Remove one of the two."
        )
    parts: dict[str, list[str]] = {}
    for source in recipe.text.sources:
        if not source.path.startswith(SCHEME):
            raise InputError(
                f"text.sources: {source.path} of {source.name} is on this machine, where Vertex AI "
                f"cannot read it. Copy it to gs://, and put that path into the recipe."
            )
        parts[source.name] = [p for p in source.path.removeprefix(SCHEME).split("/") if p]
    folders = [
        [*itertools.takewhile(lambda part: not WILD.search(part), of_source[:-1] or of_source)]
        for of_source in parts.values()
    ]
    same = itertools.takewhile(lambda at: len(set(at)) == 1, zip(*folders, strict=False))
    shared = [at[0] for at in same]
    if not shared:
        raise InputError(
            f"text.sources: {', '.join(parts)} are in several buckets, and a run reads its text "
            f"from one. Copy them to one bucket."
        )
    patterns = {name: "/".join(of[len(shared) :]) or "**" for name, of in parts.items()}
    return SCHEME + "/".join(shared), {name: (pattern,) for name, pattern in patterns.items()}
