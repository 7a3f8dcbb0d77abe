"""The nodes that a recipe names without TFX are those of its pipeline."""

import pytest

from pipelines.recipe.file import load_recipe
from pipelines.recipe.work import node_names

PHASES = "trainer.phases=[{from_step: 300, seq_length: 64, max_predictions: 10}]"
LATEST = ["vocabulary.import_from=latest_blessed", "model.start_from=latest_blessed"]


@pytest.mark.parametrize("overrides", [[], ["export={layout: bert}"], LATEST, [PHASES]], ids=str)
def test_node_names_match_the_pipeline(overrides: list[str]) -> None:
    from pipelines.create_pipeline import create_pipeline
    from pipelines.run_environment import Locations

    recipe = load_recipe("demo", overrides)
    locations = Locations("/text", ("*.txt",), "/w/artifacts", "/w/checkpoints", "/w/published")
    nodes = create_pipeline(recipe, locations).components
    assert sorted(node.id for node in nodes) == sorted(node_names(recipe))
