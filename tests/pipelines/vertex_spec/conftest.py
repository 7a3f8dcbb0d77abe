"""Fixtures: the shipped recipe, and its spec compiled once."""

from typing import Any

import pytest

from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe


@pytest.fixture(scope="session")
def vertex_recipe() -> Recipe:
    return load_recipe("vertex")


@pytest.fixture(scope="session")
def spec(vertex_recipe: Recipe) -> dict[str, Any]:
    """The compiled spec; tests must not modify it."""
    from pipelines.vertex.compile.compile_recipe import compile_recipe

    return compile_recipe(vertex_recipe)
