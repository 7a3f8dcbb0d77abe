"""A published version is complete or absent, on disks and on object stores."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from components.publisher import versions as place
from components.publisher.publish import Publication, publish
from core import storage
from core.errors import InputError
from core.manifest import read_manifest, verify_shards
from tests.components.publisher.conftest import FILES, write_model
from tests.object_store.server import BUCKET, ObjectStore

NOW = 1_763_862_000


class Killed(BaseException):
    """Simulates a signal, which no code catches."""


def at(seconds: float) -> Callable[[], float]:
    return lambda: seconds


@pytest.fixture(params=["disk", "object store"])
def destination(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "disk":
        return str(tmp_path / "published")
    request.getfixturevalue("store")
    return f"gs://{BUCKET}{tmp_path}/published"


def publish_at(model: str, card: str, destination: str, now: float = NOW) -> Publication:
    return publish(model, card, destination, at(now))


def latest(destination: str) -> dict[str, str]:
    content: dict[str, str] = json.loads(
        storage.read_bytes(storage.join(destination, "latest.json"))
    )
    return content


def test_a_version_holds_the_model_the_card_and_its_own_manifest(
    model: str, card: str, destination: str
) -> None:
    made = publish_at(model, card, destination)
    assert made.version == str(NOW)
    assert made.folder == f"{destination}/{NOW}"
    for path, content in FILES.items():
        assert storage.read_bytes(storage.join(made.folder, path)) == content
    manifest = read_manifest(made.folder)
    verify_shards(made.folder, manifest)
    names = {shard.path for shard in manifest.shards["all"]}
    assert names == {*FILES, "README.md", "transformers/README.md"}
    assert manifest.facts["model_digest"] == read_manifest(model).content_digest()
    assert latest(destination) == {
        "version": str(NOW),
        "manifest": f"{NOW}/manifest.json",
        "content_digest": made.content_digest,
    }


def test_only_versions_and_the_pointer_remain(model: str, card: str, tmp_path: Path) -> None:
    publish_at(model, card, str(tmp_path / "published"))
    assert sorted(p.name for p in (tmp_path / "published").iterdir()) == [
        str(NOW), "blessed.json", "latest.json",
    ]  # fmt: skip


def test_versions_increase_even_if_the_clock_does_not(
    model: str, card: str, destination: str, tmp_path: Path
) -> None:
    other = write_model(tmp_path / "other", {**FILES, "saved_model.pb": b"other"})
    publish_at(model, card, destination, NOW)
    assert publish_at(other, card, destination, NOW - 500).version == str(NOW + 1)
    assert publish_at(model, card, destination, NOW + 9.9).version == str(NOW + 9)
    assert latest(destination)["version"] == str(NOW + 9)


def test_the_same_content_again_is_the_same_version(
    model: str, card: str, destination: str
) -> None:
    first = publish_at(model, card, destination, NOW)
    again = publish_at(model, card, destination, NOW + 60)
    assert (again.version, again.reused) == (first.version, True)
    (Path(card) / "README.md").write_text("# Another card\n", encoding="utf-8")
    assert not publish_at(model, card, destination, NOW + 60).reused


@pytest.mark.parametrize("files_before", range(len(FILES) + 3))
def test_a_kill_between_any_two_files_leaves_nothing_that_looks_complete(
    model: str, card: str, destination: str, monkeypatch: pytest.MonkeyPatch, files_before: int
) -> None:
    written = storage.open_output
    calls = 0

    def killed(path: str) -> object:
        nonlocal calls
        calls += 1
        if calls > files_before:
            raise Killed
        return written(path)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(storage, "open_output", killed)
        publish_at(model, card, destination)
    assert place.complete_versions(destination) == []
    assert not storage.exists(storage.join(destination, "latest.json"))
    if not storage.is_remote(destination):
        assert list(Path(destination).iterdir()) == []
    made = publish_at(model, card, destination)
    verify_shards(made.folder, read_manifest(made.folder))
    assert latest(destination)["version"] == made.version


def test_the_graph_and_the_manifest_come_last_on_an_object_store(
    model: str,
    card: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    store: ObjectStore,
) -> None:
    order: list[str] = []
    written = storage.open_output

    def noted(path: str) -> object:
        order.append(path.rpartition("/")[2])
        return written(path)

    monkeypatch.setattr(storage, "open_output", noted)
    publish_at(model, card, f"gs://{BUCKET}{tmp_path}/ordered")
    assert order[-4:] == ["saved_model.pb", "manifest.json", "latest.json", "blessed.json"]


def test_a_changed_model_is_not_published(model: str, card: str, destination: str) -> None:
    (Path(model) / "transformers/model.safetensors").write_bytes(b"altered")
    with pytest.raises(InputError, match=r"model\.safetensors: its content is not what was"):
        publish_at(model, card, destination)
    assert not storage.exists(destination)


def test_a_model_that_changes_during_the_copy_is_not_published(
    model: str, card: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("components.publisher.publish.verify_shards", lambda *_: None)
    (Path(model) / "saved_model.pb").write_bytes(b"altered")
    with pytest.raises(InputError, match="changed while it was published"):
        publish_at(model, card, str(tmp_path / "published"))
    assert list((tmp_path / "published").iterdir()) == []


@pytest.mark.parametrize("path", ["../escape", "README.md"])
def test_a_manifest_that_names_other_files_is_refused(tmp_path: Path, card: str, path: str) -> None:
    model = write_model(tmp_path / "bad" / "model", {**FILES, path: b"x"})
    with pytest.raises(InputError, match="not a file of a model"):
        publish_at(model, card, str(tmp_path / "published"))


def test_a_model_without_weights_is_refused(tmp_path: Path, card: str) -> None:
    model = write_model(tmp_path / "bad", {"saved_model.pb": b"graph"})
    with pytest.raises(InputError, match=r"does not name transformers/config\.json"):
        publish_at(model, card, str(tmp_path / "published"))


def test_two_publishers_in_one_second_take_two_versions(
    model: str, card: str, tmp_path: Path
) -> None:
    root = tmp_path / "not yet" / "published"
    assert place.claim_version(str(root), NOW) == NOW
    assert place.claim_version(str(root), NOW) == NOW + 1
    publish_at(model, card, str(root))
    assert place.complete_versions(str(root)) == [NOW + 2]


def test_a_version_that_was_published_since_the_listing_is_not_taken(
    destination: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage.write_bytes(storage.join(destination, str(NOW), "manifest.json"), b"{}")
    monkeypatch.setattr(place, "_files", lambda _: iter(()))
    assert place.claim_version(destination, NOW) == NOW + 1
    assert not storage.exists(storage.join(destination, f".{NOW}.partial"))


def test_leftovers_of_a_killed_publisher_are_removed_after_a_day(
    model: str, card: str, tmp_path: Path
) -> None:
    root = tmp_path / "published"
    (root / ".5.partial").mkdir(parents=True)
    (root / ".6.partial").mkdir()
    yesterday = time.time() - place.ABANDONED_SECONDS - 60
    os.utime(root / ".5.partial", (yesterday, yesterday))
    publish_at(model, card, str(root))
    assert {p.name for p in root.glob(".*")} == {".6.partial"}


def test_an_incomplete_folder_is_never_the_latest(model: str, card: str, destination: str) -> None:
    storage.write_bytes(storage.join(destination, str(NOW + 7), "saved_model.pb"), b"half")
    made = publish_at(model, card, destination)
    assert made.version == latest(destination)["version"] == str(NOW + 8)
    assert place.complete_versions(destination) == [NOW + 8]


def test_a_destination_that_cannot_be_written_is_an_input_error(
    model: str, card: str, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InputError, match="cannot publish here"):
        publish_at(model, card, str(tmp_path / "file"))
