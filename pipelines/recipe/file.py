"""Load a recipe from a YAML file and overrides; errors give file, line, key and remedy."""

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from core.errors import InputError, did_you_mean
from core.plain_yaml import PlainLoader, load_plain
from pipelines.recipe.settings import Recipe
from trainer.settings.training import SET_BY_BUDGET

RECIPES = Path(__file__).parents[1] / "recipes"
KeyPath = tuple[str, ...]


class RecipeError(InputError):
    """A recipe cannot be read, or a setting is wrong."""


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Load a recipe and check all its settings.

    Args:
        name_or_path: name of a shipped recipe, for example "demo", or path of a YAML file.
        overrides: for example "trainer.steps=2000"; the value is read as YAML.

    Raises:
        RecipeError: lists all errors in the file and the overrides, one per line.
    """
    path = find_recipe(name_or_path)
    values, lines = read_yaml(path)
    for override in overrides:
        key = _apply_override(values, override)
        lines[key] = 0
        for length in range(1, len(key)):  # groups that only the override names
            lines.setdefault(key[:length], 0)
    _drop_lengths(values, lines)
    try:
        # In strict mode, JSON input may still give a list for a tuple and 1 for 1.0.
        return Recipe.model_validate_json(json.dumps(values))
    except ValidationError as error:
        messages = (_explain(detail, path, lines) for detail in error.errors())
        raise RecipeError("\n".join(dict.fromkeys(messages))) from error
    except TypeError as error:
        raise RecipeError(
            f"{path}: {error}. A recipe may contain only strings, numbers, lists and mappings."
        ) from error


def shipped_recipes() -> list[str]:
    """Return the names of the recipes that come with Textmill."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def find_recipe(name_or_path: str) -> Path:
    """Return the path of a recipe's file.

    Raises:
        RecipeError: there is no such file and no such shipped recipe.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or len(path.parts) > 1:
        try:
            if path.is_file():
                return path
        except OSError as error:  # a folder on the way cannot be entered
            raise RecipeError(
                f"{path}: cannot be read ({error.strerror}). Change its permissions, or give "
                f"another recipe."
            ) from error
        raise RecipeError(f"{path}: no such recipe file. {_known_recipes()}")
    shipped = RECIPES / f"{name_or_path}.yaml"
    if shipped.is_file():
        return shipped
    raise RecipeError(
        f"{name_or_path}: no such recipe.{did_you_mean(name_or_path, shipped_recipes())} "
        f"{_known_recipes()}"
    )


def read_yaml(path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """Read a YAML mapping, and the line number of each key.

    Raises:
        RecipeError: the file cannot be read, is not a YAML mapping, sets a key twice, or contains
            a tag or an alias.
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
        raise RecipeError(f"{path}: not a mapping of settings. Write them as `name: demo`.")
    return values, lines


def _read_plain(text: str, where: str) -> tuple[yaml.Node | None, Any]:
    """Parse YAML that contains only plain values, to nodes and to values.

    Raises:
        RecipeError: the text is not YAML, or contains aliases (which can expand without limit) or
            tags (which can create arbitrary objects).
    """
    try:
        for event in yaml.parse(text, Loader=PlainLoader):
            if isinstance(event, yaml.AliasEvent):
                raise RecipeError(f"{where}: aliases (*name) are not allowed. Repeat the value.")
            if tag := getattr(event, "tag", None):
                raise RecipeError(f"{where}: tags ({tag}) are not allowed. Remove them.")
        return yaml.compose(text, Loader=PlainLoader), load_plain(text)
    except RecursionError as error:
        raise RecipeError(f"{where}: nested too deeply. Reduce the nesting.") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: an impossible date
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


def _drop_lengths(values: dict[str, Any], lines: dict[KeyPath, int]) -> None:
    """Let a budget that is an override replace the length of the training in the file."""
    trainer = values.get("trainer")
    if not isinstance(trainer, dict) or lines.get(("trainer", "budget")) != 0:
        return
    for name in SET_BY_BUDGET if trainer.get("budget") else ():
        if lines.get(("trainer", name)):
            trainer.pop(name, None)


def _apply_override(values: dict[str, Any], override: str) -> KeyPath:
    """Set one value in place, unchecked, and return its key."""
    dotted, equals, text = override.partition("=")
    if not equals or not dotted:
        raise RecipeError(f"--set {override}: write it as KEY=VALUE, e.g. trainer.steps=2000.")
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
    """Format one error of pydantic with file, line, key and remedy."""
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
    if detail["type"] == "model_type":
        keys = _fields_at(key)
        return f"{where}: {dotted} is a group of settings. Set one of its keys: {', '.join(keys)}."
    overrides = [k for k, line in lines.items() if not line]
    is_named = any(".".join(k) in message for k in overrides) and key not in lines
    if is_named or any(k[:-1] == key and message.startswith(k[-1]) for k in overrides):
        where = "--set"  # a rule for several settings, one of which is an override
    if not dotted:
        return f"{where}: {message}."
    if isinstance(detail["input"], dict):  # all settings of a group
        return f"{where}: {dotted}: {message}."
    remedy = ""
    if detail["type"] == "string_type" and isinstance(detail["input"], bool | int | float):
        remedy = " Put quotes around it: YAML reads some words as true, false or a number."
    if detail["type"] == "bool_type" and isinstance(detail["input"], str):
        remedy = " Write true or false."
    return f"{where}: {dotted}: {message}; got {detail['input']!r}.{remedy}"


def _fields_at(groups: KeyPath) -> list[str]:
    model: type[BaseModel] = Recipe
    for group in groups:
        annotation = model.model_fields[group].annotation if group in model.model_fields else None
        types = [t for t in (annotation, *get_args(annotation)) if isinstance(t, type)]
        models = [t for t in types if issubclass(t, BaseModel)]  # X of the annotation X | None
        if not models:
            return []
        model = models[0]
    return list(model.model_fields)


def _nearest(word: str, known: Sequence[str], groups: KeyPath = ()) -> str:
    leaves = [f"{group}.{word}" for group in _fields_at(()) if word in _fields_at((group,))]
    if leaves and not groups:
        return f" Did you mean {' or '.join(leaves)}?"
    close = difflib.get_close_matches(word, known, n=1)
    if close:
        return f" Did you mean {'.'.join((*groups, close[0]))}?"
    inner = [] if groups else [leaf for group in known for leaf in _fields_at((group,))]
    if leaf := difflib.get_close_matches(word, inner, n=1):
        return _nearest(leaf[0], known)
    return f" Known keys: {', '.join(known)}." if known else ""


def _known_recipes() -> str:
    return f"Shipped recipes: {', '.join(shipped_recipes())}. Or pass the path of a YAML file."
