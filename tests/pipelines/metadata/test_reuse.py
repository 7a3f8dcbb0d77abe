"""A cached result is reused only if not a byte of it has changed."""

import hashlib
import os
from pathlib import Path

import pytest

from pipelines.metadata import reuse
from pipelines.metadata.names import MODEL_RUN
from pipelines.metadata.reuse import find_damage, output_digest
from tests.object_store.server import BUCKET, ObjectStore


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "artifact" / "inner").mkdir(parents=True)
    (tmp_path / "artifact" / "inner" / "a.txt").write_text("a", encoding="utf-8")
    return tmp_path / "artifact"


def test_an_unchanged_folder_is_whole(folder: Path) -> None:
    assert find_damage(str(folder), "Examples", digest=output_digest(str(folder))) is None


@pytest.mark.parametrize("change", ["edit", "add", "rename"])
def test_a_changed_folder_is_damaged(folder: Path, change: str) -> None:
    digest = output_digest(str(folder))
    file = folder / "inner" / "a.txt"
    if change == "edit":
        file.write_text("b", encoding="utf-8")
    elif change == "add":
        (folder / "b.txt").touch()
    else:
        file.rename(folder / "inner" / "b.txt")
    damage = find_damage(str(folder), "Examples", digest=digest)
    assert damage == f"{folder} was altered since it was written."


def test_a_missing_folder_and_a_missing_digest_are_damage(folder: Path) -> None:
    assert find_damage(f"{folder}-2", "Examples", digest="x") == f"{folder}-2 is gone."
    assert find_damage(str(folder), "Examples", digest=None) == f"{folder} has no digest on record."


def test_training_logs_and_single_files_are_not_checked(folder: Path) -> None:
    assert find_damage(f"{folder}-2", MODEL_RUN, digest=None) is None
    assert find_damage(str(folder / "inner" / "a.txt"), "Schema", digest=None) is None


def test_a_damaged_published_version_is_damage_and_a_bucket_is_not_checked(folder: Path) -> None:
    digest = output_digest(str(folder))
    published = folder.parent / "published"
    published.mkdir()
    damage = find_damage(str(folder), "PushedModel", digest=digest, published=str(published))
    assert damage is not None
    assert str(published) in damage
    remote = "gs://bucket/published/1"
    assert find_damage(str(folder), "PushedModel", digest=digest, published=remote) is None


def test_the_digest_does_not_change_between_versions(folder: Path) -> None:
    """ML Metadata holds it for every result: with another one, nothing would be reused."""
    (folder / "b.txt").write_bytes(b"bb")
    (folder / os.fsdecode(b"\xff.txt")).write_bytes(b"")
    (folder / "empty").mkdir()
    names = {"b.txt": b"bb", "inner/a.txt": b"a", "\udcff.txt": b""}
    lines = [f"{hashlib.sha256(names[name]).hexdigest()}  {name}\n" for name in sorted(names)]
    expected = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    assert output_digest(str(folder)) == expected


def test_a_folder_in_a_bucket_is_known_by_its_listing(store: ObjectStore) -> None:
    """No object is read, and the digest does not change between versions either."""
    store.put("reuse/inner/b.txt", b"bb")
    store.put("reuse/a.txt", b"a")
    store.clear_log()
    lines = "md5:DMF1ucDxtqgxw5niaXcmYQ==  a.txt\nmd5:Ia0L2Da5DQj0z2QLTCmOfA==  inner/b.txt\n"
    for folder in (f"gs://{BUCKET}/reuse", f"gs://{BUCKET}/reuse/"):
        assert output_digest(folder) == hashlib.sha256(lines.encode()).hexdigest()
        assert find_damage(folder, "Examples", digest=output_digest(folder)) is None
    assert set(store.counts()) == {"list"}
    assert output_digest(f"gs://{BUCKET}/reus") is None
    assert find_damage(f"gs://{BUCKET}/reuse/a.txt", "Schema", digest=None) is None


def test_a_folder_that_is_not_there_has_no_digest(folder: Path) -> None:
    assert output_digest(f"{folder}-2") is None
    assert output_digest(str(folder / "inner/a.txt")) is None


def test_a_whole_published_version_is_no_damage(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    monkeypatch.setattr(reuse, "check_version", checked.append)
    digest = output_digest(str(folder))
    assert find_damage(str(folder), "PushedModel", digest=digest, published="/p/1") is None
    assert checked == ["/p/1"]
