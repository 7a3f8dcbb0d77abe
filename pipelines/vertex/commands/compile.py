"""`textmill compile`: a recipe to pipeline.yaml, or the news that the file is out of date."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from core import storage
from core.errors import InputError, TextmillError
from pipelines.quiet import hush
from pipelines.recipe.file import load_recipe

SHOWN, SHOWN_CHARACTERS = 12, 60  # differences told, and characters of each
YAML_ENDINGS = (".yaml", ".yml")


class DriftError(TextmillError):
    """A compiled file is not what its recipe compiles to now."""


def compile_to_file(recipe_name: str, output: Path, overrides: list[str], *, check: bool) -> str:
    """Compiles a recipe.

    Args:
        recipe_name: a shipped recipe or a YAML file.
        output: the file to write, or to check.
        overrides: as "vertex.training.machine=h100".
        check: compare with the file instead of writing it.

    Returns:
        A sentence on what was done.

    Raises:
        InputError: recipe or file cannot be used.
        DriftError: with check, the file differs.
    """
    if output.suffix not in YAML_ENDINGS:
        raise InputError(f"-o {output}: a spec is YAML. Give a name that ends with .yaml.")
    recipe = load_recipe(recipe_name, overrides).from_here()
    hush(verbose=False)
    from pipelines.vertex.compile.compile import compile_recipe

    text = to_yaml(compile_recipe(recipe), recipe_name, overrides)
    if check:
        compare(output, text)
        return f"{output} is what the recipe {recipe_name} compiles to."
    storage.write_bytes(str(output), text.encode())
    return f"{output}: the recipe {recipe_name}, compiled."


def to_yaml(spec: dict[str, Any], recipe_name: str, overrides: list[str]) -> str:
    """The spec as the text of a YAML file: for the same spec the same bytes."""
    command = " ".join([f"textmill compile {recipe_name}", *(f"--set {o}" for o in overrides)])
    head = (
        "# Generated for Vertex AI and Kubeflow Pipelines (schema 2.1); do not edit. Made by:\n"
        f"#   {command}\n"
    )
    return head + yaml.dump(spec, Dumper=_Dumper, sort_keys=True, allow_unicode=True, width=100)


def compare(path: Path, text: str) -> None:
    """Compares a compiled file with what it should be.

    Raises:
        DriftError: they differ; the message shows the first differences.
    """
    remedy = "Run `make spec` (or `textmill compile RECIPE -o FILE`) and commit the result."
    if not path.is_file():
        raise DriftError(f"{path}: there is no such file. {remedy}")
    written = path.read_text(encoding="utf-8")
    if written == text:
        return
    changed = list(_differences(written, text)) or ["its comment or its order"]
    rest = len(changed) - SHOWN
    more = [f"… and {rest} more"] if rest > 0 else []
    shown = "\n  ".join(
        [f"{path}: not what its recipe compiles to now. {remedy}", *changed[:SHOWN], *more]
    )
    raise DriftError(shown)


def _differences(written: str, compiled: str) -> Iterator[str]:
    """What differs, as "tasks.Trainer….code_digest: 1a2b → 3c4d"."""
    try:
        before, now = (dict(_flatten(yaml.safe_load(text), ())) for text in (written, compiled))
    except yaml.YAMLError as error:
        yield f"it is not YAML: {' '.join(str(error).split())}"
        return
    for key in sorted(before.keys() | now.keys()):
        old, new = (str(values.get(key, "nothing")) for values in (before, now))
        if old != new:
            at = next((n for n, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), 0)
            yield f"{'.'.join(key)}: {_around(old, at)} → {_around(new, at)}"


def _flatten(value: Any, key: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _flatten(inner, (*key, str(name)))
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _flatten(inner, (*key, str(number)))
    else:
        yield key, value


def _around(text: str, at: int) -> str:
    """The text, or of a long one the part where it begins to differ."""
    if len(text) <= SHOWN_CHARACTERS:
        return text
    begin = max(0, at - SHOWN_CHARACTERS // 3)
    return f"…{text[begin : begin + SHOWN_CHARACTERS]}…"


class _Dumper(yaml.SafeDumper):
    """Writes each value out where it stands, and texts of several lines as such."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)
