"""A compiled spec or a recipe, as a person names it, to the spec that is sent."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError
from pipelines.recipe.file import find_recipe, load_recipe
from pipelines.recipe.settings import Recipe

SPEC_SUFFIXES = {".yaml", ".yml", ".json"}


@dataclass(frozen=True, kw_only=True)
class Template:
    """What runs are made of."""

    spec: dict[str, Any]  # PipelineSpec, schema 2.1
    source: str  # what the person named
    recipe: Recipe | None = None  # if it was a recipe

    @property
    def name(self) -> str:
        """The pipeline's name."""
        return str(self.spec["pipelineInfo"]["name"])

    @property
    def network(self) -> str | None:
        """The network that the recipe names; a compiled spec cannot tell."""
        vertex = self.recipe.vertex if self.recipe else None
        return vertex.network if vertex else None

    def default_of(self, parameter: str) -> Any:
        """A parameter's default in the spec, or None."""
        declared = self.spec["root"].get("inputDefinitions", {}).get("parameters", {})
        return declared.get(parameter, {}).get("defaultValue")

    def has(self, parameter: str) -> bool:
        """Whether the spec declares the parameter."""
        return parameter in self.spec["root"].get("inputDefinitions", {}).get("parameters", {})


def load_template(name: str, overrides: Sequence[str] = ()) -> Template:
    """Reads a compiled spec, or compiles a recipe.

    Args:
        name: the file of a spec or of a recipe, or a shipped recipe's name.
        overrides: as "trainer.steps=2000"; for recipes alone.

    Raises:
        InputError: no such file, neither spec nor recipe, or the recipe is wrong.
    """
    content = _read_spec(Path(name)) if Path(name).suffix in SPEC_SUFFIXES else None
    if content is not None:
        if overrides:
            raise InputError(
                f"--set: {name} is a compiled spec. Give its parameters with --param, or name the "
                f"recipe instead of the spec."
            )
        return Template(spec=content, source=name)
    find_recipe(name)
    from pipelines.vertex.compile.compile import compile_recipe

    recipe = load_recipe(name, overrides)
    return Template(spec=compile_recipe(recipe), source=name, recipe=recipe)


def _read_spec(path: Path) -> dict[str, Any] | None:
    """The spec in a file; None if the file holds a recipe.

    Raises:
        InputError: no such file, or neither JSON nor YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # JSON first: it is a hundred times as fast, and YAML's reader takes JSON too.
        content = json.loads(text) if path.suffix == ".json" else _load_yaml(text)
    except FileNotFoundError as error:
        raise InputError(
            f"{path}: no such file. Give a compiled spec (`textmill compile RECIPE -o FILE`), a "
            f"recipe's file or a shipped recipe's name."
        ) from error
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, yaml.YAMLError) as error:
        raise InputError(f"{path}: cannot be read: {' '.join(str(error).split())}.") from error
    if isinstance(content, dict) and isinstance(content.get("pipelineSpec"), dict):
        content = content["pipelineSpec"]  # a PipelineJob, as TFX writes .json
    is_spec = isinstance(content, dict) and "pipelineInfo" in content and "root" in content
    return content if is_spec else None


def _load_yaml(text: str) -> Any:
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    return yaml.load(text, Loader=loader)  # noqa: S506 - the safe loader, in C where there is one
