"""The component works as TFX runs it."""

import json
from pathlib import Path
from typing import Any

from tfx.types import Channel, standard_artifacts

from components.artifacts import ModelCard, Vocabulary
from components.model_card.component import ModelCardGen
from components.model_card.executor import Executor
from tests.components.model_card.conftest import Made

SETTINGS = {"recipe": "demo", "description": "Small.", "license": None, "notes": None}


def artifact(kind: type, uri: str | Path) -> Any:
    made = kind()
    made.uri = str(uri)
    return made


def test_the_executor_writes_the_card(made: Made, tmp_path: Path) -> None:
    inputs = {
        "model": [artifact(standard_artifacts.Model, Path(made.model).parent)],
        "evaluation": [artifact(standard_artifacts.ModelEvaluation, made.evaluation)],
        "documents": [artifact(standard_artifacts.Examples, made.documents)],
        "vocabulary": [artifact(Vocabulary, made.vocabulary)],
        "instances": [artifact(standard_artifacts.Examples, made.instances)],
    }
    card = artifact(ModelCard, tmp_path / "card")
    properties = {"card_settings": json.dumps(SETTINGS), "code_digest": "abc"}
    Executor().Do(inputs, {"model_card": [card]}, properties)
    assert [path.name for path in Path(card.uri).iterdir()] == ["README.md"]
    known = {name: card.get_string_custom_property(name) for name in ("model", "seed", "span")}
    assert known["seed"] == "12345"
    assert known["model"] in (Path(card.uri) / "README.md").read_text(encoding="utf-8")
    assert "# demo\n" in (Path(card.uri) / "README.md").read_text(encoding="utf-8")


def test_the_component_names_its_output_type() -> None:
    examples = Channel(type=standard_artifacts.Examples)
    component = ModelCardGen(
        model=Channel(type=standard_artifacts.Model),
        evaluation=Channel(type=standard_artifacts.ModelEvaluation),
        blessing=Channel(type=standard_artifacts.ModelBlessing),
        documents=examples,
        vocabulary=Channel(type=Vocabulary),
        instances=examples,
        card_settings="{}",
        code_digest="abc",
    )
    assert component.outputs["model_card"].type is ModelCard
