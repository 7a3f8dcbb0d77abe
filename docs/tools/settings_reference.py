"""Write the settings reference from the pydantic models, so that it cannot fall behind the code."""

import re
import types
from collections.abc import Iterator
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.recipe.settings import Recipe

TOP = """# Settings

<!-- Written by `make docs-reference` from the code. Do not edit. -->

Every setting of a recipe, with its type, its default and its bounds. A recipe is a YAML file: the
part of a name before the dot is a section, the part after it a key of that section. On the command
line, `--set trainer.steps=2000` overrides one setting. See [Recipes](../guides/recipes.md).

A setting marked *required* has no default. The default `null` means that the setting is off, or
that its value follows from others, as its description says.
"""
BOUNDS = {"ge": "≥ {}", "gt": "> {}", "le": "≤ {}", "lt": "< {}"}
LENGTHS = {"min_length": "length ≥ {}", "max_length": "length ≤ {}"}
NAMES = {str: "text", int: "integer", float: "number", bool: "`true` or `false`"}


def settings_page() -> str:
    """Return the page: one table per section of the recipe."""
    return TOP + "".join(section(name, model) for name, model in models(Recipe, ""))


def models(model: type[BaseModel], path: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each settings model with its path in a recipe, parents before children."""
    yield path, model
    for name, field in model.model_fields.items():
        if child := settings_model(field.annotation):
            yield from models(child, f"{path}.{name}".lstrip(".") + list_mark(field.annotation))


def section(path: str, model: type[BaseModel]) -> str:
    """Return the heading and the table of one settings model."""
    title = f"`{path}`" if path else "Top level"
    rows = [row(path, name, field) for name, field in model.model_fields.items()]
    return (
        f"\n## {title}\n\n{summary(model)}\n\n"
        "| setting | type | default | description |\n|---|---|---|---|\n" + "".join(rows)
    )


def row(path: str, name: str, field: FieldInfo) -> str:
    """Return one setting as a row of the table, with an anchor of its full name."""
    full = f"{path}.{name}".lstrip(".")
    kind = ", ".join(filter(None, [type_name(field.annotation), bounds(field.metadata)]))
    is_section = settings_model(field.annotation) is not None  # its heading has the anchor
    anchor = f"`{name}`" if is_section else f'<span id="{full}">`{name}`</span>'
    cells = [anchor, kind, default(field), description(full, field)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |\n"


def description(full: str, field: FieldInfo) -> str:
    """Return what a setting means; a section refers to its own table."""
    text = re.sub(r"\bNone\b", "`null`", " ".join((field.description or "").split()))
    if settings_model(field.annotation):
        text = f"{text} See [`{full}`](#{slug(full + list_mark(field.annotation))}).".lstrip()
    return text


def summary(model: type[BaseModel]) -> str:
    """Return the first paragraph of a model's docstring."""
    return " ".join((model.__doc__ or "").split("\n\n")[0].split())


def default(field: FieldInfo) -> str:
    """Return a default as YAML would write it."""
    value = field.default
    if settings_model(field.annotation) and value is not None:
        return "" if value is not PydanticUndefined else "*required*"
    if value is PydanticUndefined:
        return "empty" if field.default_factory else "*required*"
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if value is None:
        return "`null`"
    if value in ((), []):
        return "empty"
    return f"`{value}`"


def type_name(kind: Any) -> str:
    """Return a type in a reader's words: the choices of a Literal, "text", "integer" or alike."""
    origin, arguments = get_origin(kind), get_args(kind)
    names = {
        Literal: lambda: ", ".join(f"`{choice}`" for choice in arguments),
        Annotated: lambda: ", ".join([type_name(arguments[0]), bounds(arguments[1:])]),
        list: lambda: f"list of {type_name(arguments[0])}s",
        tuple: lambda: f"list of {type_name(arguments[0])}s",
        dict: lambda: f"map from {type_name(arguments[0])} to {type_name(arguments[1])}",
        Union: lambda: type_name(next(a for a in arguments if a is not type(None))),
    }
    if origin is not None:
        return names[Union if origin is types.UnionType else origin]()
    return "section" if settings_model(kind) else NAMES[kind]


def bounds(metadata: Any) -> str:
    """Return the limits on a value, for example "≥ 1, < 2", or a pattern."""
    limits = []
    for item in metadata:
        for name, form in {**BOUNDS, **LENGTHS}.items():
            if (limit := getattr(item, name, None)) is not None:
                limits.append(form.format(f"{limit:,}" if isinstance(limit, int) else limit))
        if pattern := getattr(item, "pattern", None):
            limits.append(f"matching `{pattern}`")
    return ", ".join(limits)


def settings_model(kind: Any) -> type[BaseModel] | None:
    """Return the settings model inside an annotation, if there is one."""
    if isinstance(kind, type) and get_origin(kind) is None:
        return kind if issubclass(kind, BaseModel) else None
    inner = (settings_model(argument) for argument in get_args(kind))
    return next((model for model in inner if model), None)


def list_mark(kind: Any) -> str:
    """Return what a path gets where a section is repeated: `[]` for a list, `.*` for a map."""
    origin = get_origin(kind)
    return "[]" if origin is tuple else ".*" if origin is dict else ""


def slug(path: str) -> str:
    """Return the anchor that Markdown gives to a heading of a section."""
    return "".join(c for c in path.lower() if c.isalnum() or c in "-_")
