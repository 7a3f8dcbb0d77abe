"""Derive the parameters of a spec from its recipe, and write placeholders for their values."""

import re
from collections.abc import Iterator
from typing import Any

from pipelines.compiled_spec.parameters import TEXT_PATTERN, ParameterError, SpecParameter
from pipelines.recipe.settings import Recipe
from pipelines.recipe.vertex_settings import VertexSettings
from pipelines.vertex.compile.sources import locate_sources

_PLACEHOLDER = re.compile(r"\{\{\$\.inputs\.parameters\['(\w+)'\]\}\}")


def require_vertex(recipe: Recipe) -> VertexSettings:
    """Return the recipe's section `vertex`.

    Raises:
        ParameterError: there is none.
    """
    if recipe.vertex is None:
        raise ParameterError(
            f"The recipe {recipe.name} has no section `vertex:`, which names images and machines. "
            f"Copy it from pipelines/recipes/vertex.yaml."
        )
    return recipe.vertex


def list_spec_parameters(recipe: Recipe) -> tuple[SpecParameter, ...]:
    """Return the parameters of a recipe's spec; the recipe's own values are the defaults.

    Raises:
        ParameterError: the recipe has no section `vertex`.
    """
    vertex, trainer = require_vertex(recipe), recipe.trainer
    # On Kubeflow, only Dataflow needs project and region.
    missing = None if vertex.platform == "vertex" or vertex.dataflow else ""
    project, region = vertex.project or missing, vertex.region or missing
    return (
        SpecParameter("project", str, "Google Cloud project of the training.", project),
        SpecParameter("region", str, "Region of the training, for example us-central1.", region),
        SpecParameter(
            "pipeline_root",
            str,
            "gs:// folder of artifacts, checkpoints, run records and published models.",
            vertex.pipeline_root,
        ),
        *_text_parameters(recipe, vertex),
        SpecParameter("span", str, "{SPAN} of the text to read: a number, or newest.", "newest"),
        SpecParameter("steps", int, "Optimizer updates.", trainer.steps),
        SpecParameter(
            "warmup_steps", int, "Steps of linear warm-up; fewer than steps.", trainer.warmup_steps
        ),
        SpecParameter("learning_rate", float, "Peak learning rate.", trainer.learning_rate),
        SpecParameter(
            "global_batch_size",
            int,
            "Instances per step, over all chips.",
            trainer.global_batch_size,
        ),
        SpecParameter("seed", int, "Seed of all random draws.", recipe.seed),
        SpecParameter(
            "model_size", str, "Size as in the paper, for example base.", recipe.model.size
        ),
        SpecParameter(
            "service_account",
            str,
            "Service account of the training; empty for Vertex AI's default.",
            vertex.service_account or "",
        ),
        SpecParameter(
            "network",
            str,
            "Peered network of the training: projects/NUMBER/global/networks/NAME; empty for none.",
            vertex.network or "",
        ),
    )


def _text_parameters(recipe: Recipe, vertex: VertexSettings) -> Iterator[SpecParameter]:
    if recipe.text.sources:
        root, _ = locate_sources(recipe)
        about = "gs:// folder that contains all sources."
        yield SpecParameter("text_root", str, about, root)
        return
    about = "gs:// folder that contains all text."
    yield SpecParameter("text_root", str, about, vertex.text_root)
    about = "Comma-separated globs below text_root; ** matches all; one with {SPAN} stands alone."
    yield SpecParameter(TEXT_PATTERN, str, about, vertex.text_pattern)


def find_placeholders(text: Any) -> list[str]:
    """Return the parameters that a text refers to; empty if it is not a string."""
    return _PLACEHOLDER.findall(text) if isinstance(text, str) else []
