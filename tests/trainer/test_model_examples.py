"""The examples in the models' docstrings run as they are printed."""

import doctest

import pytest

from trainer.models import albert, bert, electra


@pytest.mark.parametrize("module", [bert, albert, electra])
def test_the_example_of_a_model_prints_what_it_says(module: object) -> None:
    failed, attempted = doctest.testmod(module)  # type: ignore[arg-type]
    assert attempted >= 6
    assert not failed
