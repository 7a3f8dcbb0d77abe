"""Load the compiled spec of a run, or compile it from a recipe."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError
from pipelines.recipe.budget import resolve_budget
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe

SPEC_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, kw_only=True)
class Template:
    """A compiled spec, from which runs are submitted."""

    spec: dict[str, Any]  # PipelineSpec, schema 2.1
    source: str  # as given on the command line
    recipe: Recipe | None = None  # if the source is a recipe

    @property
    def name(self) -> str:
        """Name of the pipeline."""
        return str(self.spec["pipelineInfo"]["name"])

    def get_default(self, parameter: str) -> Any:
        """Return the default of a parameter, or None."""
        return self._parameters().get(parameter, {}).get("defaultValue")

    def has(self, parameter: str) -> bool:
        """Return whether the spec declares the parameter."""
        return parameter in self._parameters()

    def _parameters(self) -> dict[str, Any]:
        parameters: dict[str, Any] = (
            self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        )
        return parameters


def load_template(
    spec_or_recipe: str,
    overrides: Sequence[str] | None = None,
    check_defaults: Callable[[Callable[[str], Any]], object] | None = None,
) -> Template:
    """Read the file of a compiled spec, or compile a recipe: a file, or the name of a shipped one.

    Raises:
        InputError: there is no such file, it is neither spec nor recipe, or the recipe is wrong.
    """
    path = Path(spec_or_recipe)
    content = _read_spec(path) if path.suffix in SPEC_SUFFIXES else None
    if content is not None:
        if overrides:
            raise InputError(
                f"--set: {spec_or_recipe} is a compiled spec. Set its parameters with --param, or "
                f"pass the recipe instead of the spec."
            )
        return Template(spec=content, source=spec_or_recipe)
    recipe, _ = resolve_budget(load_recipe(spec_or_recipe, overrides or ()))
    if check_defaults and recipe.vertex:
        check_defaults(lambda name: getattr(recipe.vertex, name, None))
    from pipelines.vertex.compile.compile_recipe import compile_recipe

    return Template(spec=compile_recipe(recipe), source=spec_or_recipe, recipe=recipe)


def _read_spec(path: Path) -> dict[str, Any] | None:
    """Return the spec in a file, or None if the file holds a recipe."""
    try:
        text = path.read_text(encoding="utf-8")
        # A YAML parser reads JSON too, but a hundred times slower.
        content = json.loads(text) if path.suffix == ".json" else _load_yaml(text)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file. Pass a compiled spec (`textmill compile RECIPE -o FILE`), a "
            f"recipe's file or the name of a shipped recipe."
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}.") from error
    if isinstance(content, dict) and isinstance(content.get("pipelineSpec"), dict):
        content = content["pipelineSpec"]  # a PipelineJob, as TFX writes it to .json
    is_spec = isinstance(content, dict) and "pipelineInfo" in content and "root" in content
    return content if is_spec else None


def _load_yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - a safe loader, written in C if available
