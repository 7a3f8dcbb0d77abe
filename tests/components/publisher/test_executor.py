"""The executor works as TFX runs it, on artifacts made by hand."""

import json
from pathlib import Path
from typing import Any

import pytest
from tfx.components.pusher import executor as tfx_pusher
from tfx.types import Channel, standard_artifacts

from components.artifacts import ModelCard
from components.publisher.component import Publisher
from components.publisher.executor import Executor


def artifact(kind: type, uri: str | Path) -> Any:
    made = kind()
    made.uri = str(uri)
    return made


def run(model: str, card: str, folder: Path, blessed: int | None) -> Any:
    """Run the executor; None: without a blessing."""
    inputs = {
        "model": [artifact(standard_artifacts.Model, Path(model).parent)],
        "model_card": [artifact(ModelCard, card)],
    }
    if blessed is not None:
        blessing = artifact(standard_artifacts.ModelBlessing, folder / "blessing")
        blessing.set_int_custom_property("blessed", blessed)
        Path(blessing.uri).mkdir()
        (Path(blessing.uri) / "NOT_BLESSED").write_text("loss 9 is above 8\n\nno gain\n")
        inputs["model_blessing"] = [blessing]
    pushed = artifact(standard_artifacts.PushedModel, folder / "pushed")
    properties = {"destination": str(folder / "published"), "code_digest": "abc"}
    Executor().Do(inputs, {"pushed_model": [pushed]}, properties)
    return pushed


def note_of(pushed: Any) -> dict[str, Any]:
    assert [path.name for path in Path(pushed.uri).iterdir()] == ["published.json"]
    note: dict[str, Any] = json.loads((Path(pushed.uri) / "published.json").read_text())
    return note


def test_a_blessed_model_is_published_with_tfxs_properties(
    model: str, card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEXTMILL_USER", "robot@example.org")
    pushed = run(model, card, tmp_path, blessed=1)
    version = pushed.get_string_custom_property("pushed_version")
    assert pushed.get_int_custom_property("pushed") == 1
    folder = tmp_path / "published" / version
    assert pushed.get_string_custom_property("pushed_destination") == str(folder)
    assert (folder / "transformers" / "README.md").read_text() == "# A model\n"
    assert pushed.get_string_custom_property("published_by") == "robot@example.org"
    assert "robot" not in "".join(p.read_text() for p in folder.glob("*.json"))
    note = note_of(pushed)
    assert "robot" not in json.dumps(note), "who differs between runs that publish the same"
    assert (note["pushed"], note["version"], note["folder"]) == (True, version, str(folder))


def test_a_model_that_is_not_blessed_is_not_published(
    model: str, card: str, tmp_path: Path
) -> None:
    pushed = run(model, card, tmp_path, blessed=0)
    assert pushed.get_int_custom_property("pushed") == 0
    assert not (tmp_path / "published").exists()
    reason = "the model was not blessed: loss 9 is above 8; no gain"
    assert note_of(pushed) == {"pushed": False, "reason": reason}
    assert pushed.get_string_custom_property("reason") == reason


def test_without_a_blessing_any_model_is_published(model: str, card: str, tmp_path: Path) -> None:
    assert run(model, card, tmp_path, blessed=None).get_int_custom_property("pushed") == 1


def test_the_publisher_is_a_tfx_pusher() -> None:
    assert issubclass(Executor, tfx_pusher.Executor)
    component = Publisher(
        model=Channel(type=standard_artifacts.Model),
        model_blessing=Channel(type=standard_artifacts.ModelBlessing),
        model_card=Channel(type=ModelCard),
        destination="published",
        code_digest="abc",
    )
    assert component.outputs["pushed_model"].type is standard_artifacts.PushedModel
    assert component.exec_properties == {"destination": "published", "code_digest": "abc"}
