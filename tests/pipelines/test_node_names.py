"""The nodes that a recipe names without TFX are those of its pipeline."""

from pathlib import Path

import pytest

from pipelines.recipe.file import load_recipe
from pipelines.recipe.work import node_names
from tests.components.downstream_evaluator.tasks import write_polarity

PHASES = "trainer.phases=[{from_step: 300, seq_length: 64, max_predictions: 10}]"
TASKS = (
    "evaluation.tasks=[{name: polarity, kind: classify, text: sentence, seq_length: 16, "
    "train: DIR/polarity-train.tsv, eval: DIR/polarity-eval.tsv}]"
)
LATEST = ["vocabulary.import_from=latest_blessed", "model.start_from=latest_blessed"]


@pytest.mark.parametrize(
    "overrides", [[], ["export={layout: bert}"], LATEST, [PHASES], [TASKS]], ids=str
)
def test_node_names_match_the_pipeline(overrides: list[str], tmp_path: Path) -> None:
    from pipelines.create_pipeline import create_pipeline
    from pipelines.run_environment import Locations

    write_polarity(tmp_path)
    recipe = load_recipe("demo", [text.replace("DIR", str(tmp_path)) for text in overrides])
    locations = Locations("/text", ("*.txt",), "/w/artifacts", "/w/checkpoints", "/w/published")
    nodes = create_pipeline(recipe, locations).components
    assert sorted(node.id for node in nodes) == sorted(node_names(recipe))
