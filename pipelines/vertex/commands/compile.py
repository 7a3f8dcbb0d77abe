"""The command `textmill compile`: write a compiled recipe, or check that a file is up to date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from core.errors import InputError, TextmillError
from core.loading import loading_libraries
from pipelines.output_file import check_output, write_output
from pipelines.quiet import hush
from pipelines.recipe.budget import resolve_budget
from pipelines.recipe.file import load_recipe
from pipelines.vertex.compile.parameters import list_spec_parameters

MAX_DIFFERENCES, MAX_CHARACTERS = 12, 60  # differences in a message, and characters of each
YAML_ENDINGS = (".yaml", ".yml")
LANGUAGE_NOTE = (
    "The filter language works only in an image data, and dataflow, to which you added its model "
    "(docs/guides/text.md)."
)


class DriftError(TextmillError):
    """A compiled file is out of date."""


def compile_to_file(recipe_name: str, output: Path, overrides: list[str], *, check: bool) -> str:
    """Compile a recipe to a YAML file, or check that the file is up to date.

    Returns:
        A sentence that says what was done.

    Raises:
        InputError: the recipe or the file cannot be used.
        DriftError: with `check`, the file is out of date.
    """
    if output.suffix not in YAML_ENDINGS:
        raise InputError(f"--output {output}: a spec is YAML. Use a name that ends with .yaml.")
    if not check:
        check_output(output)
    recipe, budget = resolve_budget(load_recipe(recipe_name, overrides).from_here())
    list_spec_parameters(recipe)  # refuses a recipe without `vertex` before TFX is loaded
    hush(verbose=False)
    with loading_libraries():
        from pipelines.vertex.compile.compile_recipe import compile_recipe

    text = to_yaml(compile_recipe(recipe), recipe_name, overrides)
    if check:
        compare(output, text)
        return f"{output} is up to date with the recipe {recipe_name}."
    write_output(output, text)
    sentences = [f"Compiled the recipe {recipe_name} to {output}."]
    sentences += [f"{budget}."] if budget else []
    sentences += [LANGUAGE_NOTE] if "language" in recipe.text.filters else []
    return " ".join(sentences)


def to_yaml(spec: dict[str, Any], recipe_name: str, overrides: list[str]) -> str:
    """Format a spec as YAML; the same spec always gives the same bytes."""
    command = " ".join([f"textmill compile {recipe_name}", *(f"--set {o}" for o in overrides)])
    head = (
        "# Generated for Vertex AI and Kubeflow Pipelines (schema 2.1); do not edit. Made by:\n"
        f"#   {command}\n"
    )
    return head + yaml.dump(spec, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=100)


def compare(path: Path, text: str) -> None:
    """Compare a compiled file with the text that it should have.

    Raises:
        DriftError: they differ; the message shows the first differences.
    """
    remedy = "Run `make spec` (or `textmill compile RECIPE -o FILE`) and commit the result."
    if not path.is_file():
        raise DriftError(f"{path}: there is no such file. {remedy}")
    current = path.read_text(encoding="utf-8")
    if current == text:
        return
    differences = list(_differences(current, text)) or ["only comments or order differ"]
    rest = len(differences) - MAX_DIFFERENCES
    more = [f"… and {rest} more"] if rest > 0 else []
    lines = [f"{path} is out of date. {remedy}", *differences[:MAX_DIFFERENCES], *more]
    raise DriftError("\n  ".join(lines))


def _differences(current: str, compiled: str) -> Iterator[str]:
    """Yield each difference, for example "tasks.Trainer….code_digest: 1a2b → 3c4d"."""
    try:
        before, after = (dict(_flatten(yaml.safe_load(text), ())) for text in (current, compiled))
    except yaml.YAMLError as error:
        yield f"it is not YAML: {' '.join(str(error).split())}"
        return
    for key in sorted(before.keys() | after.keys()):
        old, new = (str(values.get(key, "nothing")) for values in (before, after))
        if old != new:
            at = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
            yield f"{'.'.join(key)}: {_excerpt(old, at)} → {_excerpt(new, at)}"


def _flatten(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, (*key, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flatten(inner, (*key, str(number)))
    else:
        yield key, value


def _excerpt(text: str, at: int) -> str:
    """Return the text, or the part of a long text around a position."""
    if len(text) <= MAX_CHARACTERS:
        return text
    start = max(0, at - MAX_CHARACTERS // 3)
    return f"…{text[start : start + MAX_CHARACTERS]}…"


class _Dumper(yaml.SafeDumper):
    """Writes no YAML aliases, and multi-line strings as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
