"""Every numeric setting has a lower and an upper bound."""

import types
from collections.abc import Iterator
from typing import Annotated, Any, Union, get_args, get_origin

import annotated_types
import pytest
from pydantic import BaseModel

from core.errors import InputError
from pipelines.recipe.file import load_recipe
from pipelines.recipe.settings import Recipe

Bounds = tuple[bool, bool]  # whether there is a lower and an upper one


def numbers(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, Bounds]]:
    """Yield each numeric setting of a model and of the models in it."""
    for name, field in model.model_fields.items():
        dotted = f"{path}.{name}".lstrip(".")
        yield from _numbers(field.annotation, field.metadata, dotted)


def _numbers(kind: Any, metadata: Any, path: str) -> Iterator[tuple[str, Bounds]]:
    if get_origin(kind) is Annotated:
        kind, *own = get_args(kind)
        yield from _numbers(kind, [*own, *metadata], path)
    elif get_origin(kind) in (Union, types.UnionType):
        for part in get_args(kind):
            yield from _numbers(part, metadata, path)
    elif get_origin(kind) in (list, tuple, dict):
        for part in get_args(kind):
            yield from _numbers(part, [], f"{path}[]")
    elif isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from numbers(kind, path)
    elif kind in (int, float):
        flat = [m for each in metadata for m in (getattr(each, "metadata", None) or [each])]
        lower = any(isinstance(m, annotated_types.Ge | annotated_types.Gt) for m in flat)
        upper = any(isinstance(m, annotated_types.Le | annotated_types.Lt) for m in flat)
        yield path, (lower, upper)


NUMBERS = dict(numbers(Recipe))


def test_the_walk_finds_nested_settings() -> None:
    assert {"seed", "trainer.phases[].from_step", "trainer.length_buckets[]"} <= NUMBERS.keys()
    assert {"vertex.retries.max_retries", "vertex.resources[].memory_gb"} <= NUMBERS.keys()
    assert len(NUMBERS) > 70


# A rule bounds the sum of these.
BOUNDED_TOGETHER = {"vertex.training.timeout_hours", "vertex.training.max_wait_hours"}


@pytest.mark.parametrize("name", sorted(NUMBERS.keys() - BOUNDED_TOGETHER))
def test_a_numeric_setting_is_bounded(name: str) -> None:
    assert NUMBERS[name] == (True, True)


@pytest.mark.parametrize(
    "override",
    [
        "trainer.steps=1e20",
        "trainer.global_batch_size=1e9",
        "vocabulary.size=1e9",
        "trainer.length_buckets=[16, 1e9]",
        "evaluation.min_gain_over_unigram=1e9",
    ],
)
def test_an_absurd_value_is_refused_by_name(override: str) -> None:
    name = override.partition("=")[0]
    with pytest.raises(InputError, match=name.replace(".", r"\.")):
        load_recipe("demo", [override])
