"""A YAML file and overrides to a checked recipe; every error names file, line, key and remedy."""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import InputError
from pipelines.recipe.settings import Recipe

RECIPES = Path(__file__).parents[1] / "recipes"
KeyPath = tuple[str, ...]


class RecipeError(InputError):
    """A recipe that cannot be read, or a setting that is wrong."""


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        name_or_path: a shipped recipe's name, as "demo", or the path of a YAML file.
        overrides: texts of the form "trainer.steps=2000"; the value is read as YAML.

    Raises:
        RecipeError: all that is wrong with the file or the overrides, a line each.
    """
    path = find_recipe(name_or_path)
    values, lines = read_yaml(path)
    for override in overrides:
        key = _apply_override(values, override)
        lines[key] = 0
    try:
        # By way of JSON, whose strict mode takes lists for tuples and 1 for 1.0, and nothing more.
        return Recipe.model_validate_json(json.dumps(values))
    except ValidationError as error:
        told = (_explain(detail, path, lines) for detail in error.errors())
        raise RecipeError("\n".join(dict.fromkeys(told))) from error
    except TypeError as error:
        raise RecipeError(f"{path}: {error}; a recipe holds texts, numbers and lists.") from error


def shipped_recipes() -> list[str]:
    """The names of the recipes that come with Textmill."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def find_recipe(name_or_path: str) -> Path:
    """The recipe's file.

    Raises:
        RecipeError: there is no such file and no such shipped recipe.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        if path.is_file():
            return path
        raise RecipeError(f"{path}: no such recipe file. {_known_recipes()}")
    shipped = RECIPES / f"{name_or_path}.yaml"
    if shipped.is_file():
        return shipped
    raise RecipeError(
        f"{name_or_path}: no such recipe.{_nearest(name_or_path, shipped_recipes())} "
        f"{_known_recipes()}"
    )


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Reads a mapping and the line of each key.

    Raises:
        RecipeError: cannot be read, not YAML, not a mapping, a key twice, a tag or an alias.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path}: not UTF-8 ({error.reason} at byte {error.start}).") from error
    except OSError as error:
        raise RecipeError(
            f"{path}: cannot be read ({error.strerror}). Change its permissions."
        ) from error
    root, values = _read_plain(text, str(path))
    lines = dict(_walk_keys(root, (), path))
    if not isinstance(values, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of settings, as `name: demo`.")
    return values, lines


def _read_plain(text: str, where: str) -> tuple[yaml.Node | None, Any]:
    """YAML of plain values: its nodes, and the values.

    Raises:
        RecipeError: not YAML, or with aliases (which grow to any size) or tags (which make other
            objects than texts, numbers, lists and mappings).
    """
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.AliasEvent):
                raise RecipeError(f"{where}: aliases (*name) are not allowed. Write values out.")
            if tag := getattr(event, "tag", None):
                raise RecipeError(f"{where}: tags ({tag}) are not allowed. Leave them out.")
        return yaml.compose(text, Loader=yaml.SafeLoader), yaml.safe_load(text)
    except RecursionError as error:
        raise RecipeError(f"{where}: nested too deeply for a recipe.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: a date that no calendar has
        raise RecipeError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


def _walk_keys(node: yaml.Node | None, at: KeyPath, path: Path) -> Iterator[tuple[KeyPath, int]]:
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key_node, value_node in node.value:
        key, line = str(key_node.value), key_node.start_mark.line + 1
        if key in seen:
            raise RecipeError(
                f"{path}:{line}: {'.'.join((*at, key))} is set twice, first in line {seen[key]}. "
                f"Keep one."
            )
        seen[key] = line
        yield (*at, key), line
        yield from _walk_keys(value_node, (*at, key), path)


def _apply_override(values: dict[str, Any], override: str) -> KeyPath:
    """Sets one value in place; the check of the whole recipe comes after."""
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise RecipeError(f"--set {override}: write it as --set trainer.steps=2000.")
    _, value = _read_plain(text, f"--set {override}")
    *groups, last = key = tuple(dotted.split("."))
    inner = values
    for group in groups:
        inner = inner.setdefault(group, {})
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {group} is a single value, not a group.")
    inner[last] = value
    return key


def _explain(detail: ErrorDetails, path: Path, lines: dict[KeyPath, int]) -> str:
    """One finding of pydantic, with file, line, key and remedy."""
    key = tuple(str(part) for part in detail["loc"])
    dotted = ".".join(key)
    where = str(path)
    if key in lines:
        where = f"{path}:{lines[key]}" if lines[key] else "--set"
    if detail["type"] == "extra_forbidden":
        return f"{where}: unknown key {dotted}.{_nearest(key[-1], _fields_at(key[:-1]), key[:-1])}"
    if detail["type"] == "missing":
        return f"{where}: {dotted} is missing. Add it."
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    if not dotted:
        return f"{where}: {message}."
    return f"{where}: {dotted}: {message}; got {detail['input']!r}."


def _fields_at(groups: KeyPath) -> list[str]:
    """The keys that a group of the recipe takes."""
    model: type[BaseModel] = Recipe
    for group in groups:
        kind = model.model_fields[group].annotation if group in model.model_fields else None
        groups_of_keys = [k for k in (kind, *get_args(kind)) if isinstance(k, type)]
        inner = [k for k in groups_of_keys if issubclass(k, BaseModel)]  # X | None has X
        if not inner:
            return []
        model = inner[0]
    return list(model.model_fields)


def _nearest(word: str, known: Sequence[str], groups: KeyPath = ()) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" Did you mean {'.'.join((*groups, close[0]))}?"
    return f" Known here: {', '.join(known)}." if groups or not known else ""


def _known_recipes() -> str:
    return f"Shipped recipes: {', '.join(shipped_recipes())}; or give the path of a YAML file."
