"""Versions of a published model have aliases, which people move and runs respect."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.cloud import aiplatform_v1 as v1
from typer.testing import CliRunner, Result

from components.publisher.publish import publish
from core.errors import InputError
from pipelines.cli import app
from tests.components.publisher.conftest import FILES, write_model
from tests.vertex_server import VertexServer

FIRST, SECOND, THIRD = 1_763_862_000, 1_764_466_800, 1_765_071_600


def publish_version(tmp_path: Path, content: str, moment: int) -> str:
    """Publish a model whose configuration holds a text."""
    card = tmp_path / "card"
    card.mkdir(exist_ok=True)
    (card / "README.md").write_text(f"# {content}\n", encoding="utf-8")
    model = tmp_path / content
    if not model.exists():
        write_model(model, FILES)
    return publish(str(model), str(card), str(tmp_path / "published"), lambda: moment).version


@pytest.fixture
def folder(tmp_path: Path) -> str:
    publish_version(tmp_path, "first", FIRST)
    publish_version(tmp_path, "second", SECOND)
    return str(tmp_path / "published")


def textmill(*words: str) -> Result:
    return CliRunner().invoke(app, ["models", *words], catch_exceptions=False)


def aliases(folder: str) -> dict[str, list[str]]:
    return {
        v["version"]: v["aliases"] for v in json.loads(textmill("list", folder, "--json").stdout)
    }


def test_the_newest_version_is_latest_and_blessed(folder: str) -> None:
    assert aliases(folder) == {str(SECOND): ["blessed", "latest"], str(FIRST): []}
    listed = textmill("list", folder).stdout
    assert "blessed, latest" in listed
    assert "2025-11-30T01:40:00" in listed
    assert f"version         {SECOND}" in textmill("show", folder, "blessed").stdout


def test_a_rollback_stays_until_something_new_is_published(folder: str, tmp_path: Path) -> None:
    assert f"blessed is {FIRST} now." in textmill("rollback", folder).stdout
    assert aliases(folder) == {str(SECOND): ["latest"], str(FIRST): ["blessed"]}
    with pytest.raises(InputError, match="is the oldest version"):
        textmill("rollback", folder)
    assert publish_version(tmp_path, "second", THIRD) == str(SECOND), "the same content"
    assert aliases(folder)[str(FIRST)] == ["blessed"], "a person decided"
    publish_version(tmp_path, "third", THIRD)
    assert aliases(folder)[str(THIRD)] == ["blessed", "latest"]


def test_a_version_is_promoted_only_if_it_is_whole(folder: str) -> None:
    assert textmill("promote", folder, str(FIRST), "--alias", "production").exit_code == 0
    assert aliases(folder)[str(FIRST)] == ["production"]
    Path(folder, str(FIRST), "saved_model.pb").write_bytes(b"altered")
    with pytest.raises(InputError, match="saved_model"):
        textmill("promote", folder, str(FIRST))
    assert aliases(folder)[str(SECOND)] == ["blessed", "latest"]


@pytest.mark.parametrize("name", ["1", "staging"])
def test_an_unknown_version_names_the_known_ones(folder: str, name: str) -> None:
    with pytest.raises(InputError, match=f"Its versions: {SECOND}, {FIRST}"):
        textmill("show", folder, name)


def test_a_folder_without_versions_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no published version"):
        textmill("list", str(tmp_path))


def test_the_registrys_versions_are_listed_and_promoted(monkeypatch: pytest.MonkeyPatch) -> None:
    model = "projects/123456789012/locations/us-central1/models/textmill-weekly"
    address = "vertex://acme-nlp/us-central1/textmill-weekly"
    with VertexServer() as server:
        monkeypatch.setenv("TEXTMILL_VERTEX_ENDPOINT", server.endpoint)
        server.models[model] = [
            v1.Model(
                name=model, version_id=str(n), version_aliases=aliases,
                artifact_uri=f"gs://b/published/weekly/{n}",
                version_create_time=datetime(2026, 11, n, tzinfo=UTC),
            )
            for n, aliases in ((9, ["default"]), (10, ["blessed", "latest"]))
        ]  # fmt: skip
        assert aliases(address) == {"10": ["blessed", "latest"], "9": ["default"]}
        assert "gs://b/published/weekly/10" in textmill("show", address, "blessed").stdout
        assert "blessed is 9 now." in textmill("rollback", address).stdout
        assert aliases(address) == {"10": ["latest"], "9": ["blessed", "default"]}
        textmill("promote", address, "latest", "--alias", "production")
        assert aliases(address)["10"] == ["latest", "production"]
        assert "2026-11-10T00:00:00" in textmill("list", address).stdout
