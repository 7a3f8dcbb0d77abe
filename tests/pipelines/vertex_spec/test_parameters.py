"""Tests that parameter values are checked before anything is sent."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from components.text_settings import SourceSettings
from components.vertex_trainer.overrides import OverrideError, override
from core.errors import InputError
from pipelines.compiled_spec.parameters import (
    ParameterError,
    check_values,
    read_parameters,
    text_patterns,
    training_settings,
)
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe
from pipelines.vertex.compile.compile_recipe import compile_recipe
from pipelines.vertex.compile.parameters import list_spec_parameters
from pipelines.vertex.compile.sources import locate_sources
from trainer.settings.phase import PhaseSettings

REQUIRED = {
    "project": "p", "region": "us-central1", "pipeline_root": "gs://b/t", "text_root": "gs://b/x",
}  # fmt: skip


def test_the_spec_declares_the_recipes_values_as_defaults(
    spec: dict[str, Any], vertex_recipe: Recipe
) -> None:
    assert set(read_parameters(spec)) == set(list_spec_parameters(vertex_recipe))
    by_name = {p.name: p for p in read_parameters(spec)}
    assert by_name["steps"].default == vertex_recipe.trainer.steps
    assert by_name["learning_rate"].type is float
    assert by_name["text_root"].default is None


def test_project_and_account_of_the_recipe_become_defaults() -> None:
    recipe = load_recipe("vertex", ["vertex.project=mine", "vertex.service_account=a@b.c"])
    by_name = {p.name: p for p in list_spec_parameters(recipe)}
    assert by_name["project"].default == "mine"
    assert by_name["service_account"].default == "a@b.c"


def test_strings_are_converted_to_numbers(spec: dict[str, Any]) -> None:
    values = check_values(spec, {**REQUIRED, "steps": "20000", "learning_rate": "1e-3", "span": 12})
    assert values["steps"] == 20000
    assert values["learning_rate"] == 0.001
    assert values["span"] == "12"
    assert "seed" not in values


@pytest.mark.parametrize("text", ["2e4", "20_000", "2.0e+4"])
def test_an_integer_may_be_written_in_every_usual_form(spec: dict[str, Any], text: str) -> None:
    assert check_values(spec, {**REQUIRED, "steps": text})["steps"] == 20_000


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"stepps": 5}, "parameter stepps: the spec has no such parameter. Did you mean steps?"),
        ({"steps": "many"}, "parameter steps: 'many' is not an integer"),
        ({"steps": 2.5}, "parameter steps: 2.5 is not an integer"),
        ({"steps": 0}, "parameter steps: Input should be greater than or equal to 1"),
        ({"learning_rate": "-1"}, "parameter learning_rate: Input should be greater than 0"),
        ({"learning_rate": "nan"}, "parameter learning_rate"),
        ({"steps": 10_000}, "parameter warmup_steps: 10000 of 10000 steps"),
        ({"model_size": "enormous"}, "parameter model_size"),
        ({"text_pattern": 'a"b'}, "is not allowed in it"),
        ({"text_pattern": "{{$.x}}"}, "is not allowed in it"),
        ({"seed": True}, "parameter seed"),
        ({"seed": "-1"}, "parameter seed: -1 is negative"),
    ],
)
def test_wrong_values_are_refused_with_their_name(
    spec: dict[str, Any], values: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError) as refused:
        check_values(spec, {**REQUIRED, **values})
    assert message in str(refused.value)


def test_all_errors_are_reported_at_once(spec: dict[str, Any]) -> None:
    with pytest.raises(ParameterError) as refused:
        check_values(spec, {"project": "p", "nope": 1})
    message = str(refused.value)
    assert all(f"parameter {name} is missing" in message for name in REQUIRED if name != "project")
    assert "parameter nope" in message


def test_overrides_equal_to_the_recipe_change_nothing(
    spec: dict[str, Any], vertex_recipe: Recipe
) -> None:
    settings = training_settings(spec)
    assert settings is not None
    defaults = {
        p.name: p.default for p in list_spec_parameters(vertex_recipe) if p.default is not None
    }
    assert override(settings, defaults) == settings


def test_a_run_shorter_than_its_phases_is_refused(spec: dict[str, Any]) -> None:
    settings = training_settings(spec)
    assert settings is not None
    phases = (PhaseSettings(from_step=90_000, seq_length=512),)
    trainer = settings.trainer.model_copy(update={"phases": phases})
    longer = settings.model_copy(update={"trainer": trainer})
    assert override(longer, {"steps": 95_000}).trainer.phases == phases
    with pytest.raises(OverrideError, match=r"phases begin at steps \[90000\] of 90000"):
        override(longer, {"steps": 90_000})


def test_an_override_of_the_size_without_effect_is_refused(spec: dict[str, Any]) -> None:
    settings = training_settings(spec)
    assert settings is not None
    assert override(settings, {"model_size": "large"}).model.size == "large"
    fixed = settings.model_copy(
        update={"model": settings.model.model_copy(update={"num_layers": 3})}
    )
    with pytest.raises(OverrideError, match=r"the recipe sets model\.num_layers"):
        override(fixed, {"model_size": "large"})
    assert override(fixed, {"model_size": "base"}) == fixed


def with_sources(recipe: Recipe, *paths: str, **vertex: str) -> Recipe:
    """Return the recipe with sources named web, books and so on."""
    named = zip(("web", "books", "news"), paths, strict=False)
    sources = tuple(SourceSettings(name=name, path=path) for name, path in named)
    text = recipe.text.model_copy(update={"sources": sources})
    settings = recipe.vertex and recipe.vertex.model_copy(update=vertex)
    return recipe.model_copy(update={"text": text, "vertex": settings})


@pytest.mark.parametrize(
    ("paths", "root", "patterns"),
    [
        (("gs://b/text/c4/*.gz", "gs://b/text/books"), "gs://b/text", ("c4/*.gz", "books")),
        (
            ("gs://b/a/x-{SPAN}", "gs://b/a/week-{SPAN}/*"),
            "gs://b/a",
            ("x-{SPAN}", "week-{SPAN}/*"),
        ),
        (("gs://b/*.txt", "gs://b/a/b/c.txt"), "gs://b", ("*.txt", "a/b/c.txt")),
        (("gs://b/",), "gs://b", ("**",)),
    ],
)
def test_sources_have_a_folder_and_a_pattern_each(
    vertex_recipe: Recipe, paths: Sequence[str], root: str, patterns: Sequence[str]
) -> None:
    recipe = with_sources(vertex_recipe, *paths)
    found, of_sources = locate_sources(recipe)
    assert (found, [*of_sources.values()]) == (root, [(pattern,) for pattern in patterns])
    parameters = {p.name: p for p in list_spec_parameters(recipe)}
    assert parameters["text_root"].default == root
    assert "text_pattern" not in parameters


@pytest.mark.parametrize(
    ("paths", "vertex", "message"),
    [
        (("gs://b/x", "/data/books"), {}, "/data/books of books is on this machine, where Vertex"),
        (("gs://b/x", "gs://c/x"), {}, "web, books are in several buckets"),
        (("gs://b/x", "gs://b/y"), {"text_root": "gs://b"}, r"has text\.sources\. Remove one"),
        (("gs://b/x", "gs://b/y"), {"text_pattern": "*.md"}, r"has text\.sources\. Remove one"),
    ],
)
def test_sources_that_vertex_ai_cannot_read_are_refused(
    vertex_recipe: Recipe, paths: Sequence[str], vertex: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        compile_recipe(with_sources(vertex_recipe, *paths, **vertex))


def test_the_spec_reads_each_source(vertex_recipe: Recipe) -> None:
    spec = compile_recipe(
        with_sources(vertex_recipe, "gs://b/t/c4/{SPAN}/*.gz", "gs://b/t/{SPAN}/x")
    )
    assert text_patterns(spec, "unused") == {"web": "c4/{SPAN}/*.gz", "books": "{SPAN}/x"}
    assert "text_pattern" not in json.dumps(spec)
    assert "gs://b/t/c4" not in json.dumps(spec), "no path enters a cache key"
    task = spec["components"]["tfx-dag"]["dag"]["tasks"]["TextExampleGen"]
    root = task["inputs"]["parameters"]["input_base"]
    assert root == {"componentInputParameter": "text_root"}
