"""A manifest describes every file of a folder, and a file that differs from it is named."""

import hashlib
import json
from pathlib import Path

import pytest

from core.errors import InputError
from core.failpoints import arm
from core.manifest import (
    DamagedFileError,
    Manifest,
    Shard,
    copy_shards,
    describe_file,
    file_digest,
    read_manifest,
    read_manifest_if_exists,
    verified_files,
    verify_shards,
    write_manifest,
)

CONTENT = {"train/a.txt": b"one\n", "eval/b.txt": b"two\n", "counts.json": b"{}\n"}


def manifest_of(folder: Path, **facts: str) -> Manifest:
    train, held_out, counts = (describe_file(str(folder), name) for name in CONTENT)
    return Manifest(
        kind="documents", shards={"train": [train], "eval": [held_out]}, files=[counts],
        counts={"train": {"documents": 1}}, facts=dict(facts),
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with three files and their manifest."""
    folder = tmp_path / "artifact"
    for name, content in CONTENT.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    write_manifest(str(folder), manifest_of(folder, seed="1"))
    return folder


def test_a_file_is_described_by_its_bytes(folder: Path) -> None:
    digest = hashlib.sha256(b"one\n").hexdigest()
    expected = Shard(path="train/a.txt", records=1, size_bytes=4, sha256=digest)
    assert describe_file(str(folder), "train/a.txt") == expected
    assert file_digest(str(folder / "train/a.txt")) == digest


def test_a_large_file_is_read_to_its_end(tmp_path: Path) -> None:
    content = bytes(range(256)) * 10_000
    (tmp_path / "large").write_bytes(content)
    assert file_digest(str(tmp_path / "large")) == hashlib.sha256(content).hexdigest()


def test_the_manifest_is_sorted_json_and_reads_back(folder: Path) -> None:
    text = (folder / "manifest.json").read_text(encoding="utf-8")
    assert text == json.dumps(json.loads(text), indent=1, sort_keys=True) + "\n"
    assert read_manifest(str(folder)) == manifest_of(folder, seed="1")
    paths = [shard.path for shard in read_manifest(str(folder)).all_files()]
    assert paths == ["eval/b.txt", "train/a.txt", "counts.json"]


def test_writing_it_removes_what_a_killed_writer_left(folder: Path) -> None:
    (folder / ".a.txt.0123.partial").write_bytes(b"half")
    (folder / "a.partial").write_bytes(b"not ours")
    write_manifest(str(folder), manifest_of(folder))
    assert not (folder / ".a.txt.0123.partial").exists()
    assert (folder / "a.partial").exists()


def test_a_writer_that_is_stopped_before_the_manifest_leaves_an_incomplete_folder(
    folder: Path,
) -> None:
    manifest = read_manifest(str(folder))
    (folder / "manifest.json").unlink()
    try:
        arm("before-manifest:1:INT")
        with pytest.raises(KeyboardInterrupt):
            write_manifest(str(folder), manifest)
    finally:
        arm(None)
    assert read_manifest_if_exists(str(folder)) is None


def test_a_folder_without_a_manifest_is_not_complete(tmp_path: Path) -> None:
    assert read_manifest_if_exists(str(tmp_path)) is None
    with pytest.raises(InputError) as refused:
        read_manifest(str(tmp_path))
    assert str(refused.value) == (
        f"{tmp_path}: no manifest.json, so the folder is not complete. Run the step that writes it "
        f"again."
    )


def test_an_invalid_manifest_is_named_with_the_number_of_its_problems(folder: Path) -> None:
    content = json.loads((folder / "manifest.json").read_bytes())
    del content["kind"], content["counts"]
    (folder / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(InputError) as refused:
        read_manifest(str(folder))
    assert str(refused.value) == (
        f"{folder}/manifest.json: not a manifest that this version can read (2 invalid fields). "
        f"Run the step that writes it again."
    )


@pytest.mark.parametrize("name", CONTENT)
def test_every_altered_file_is_named_with_its_sizes(folder: Path, name: str) -> None:
    verify_shards(str(folder), read_manifest(str(folder)))
    (folder / name).write_bytes(b"x" * 1234)
    with pytest.raises(DamagedFileError) as refused:
        verify_shards(str(folder), read_manifest(str(folder)))
    assert refused.value.path == f"{folder}/{name}"
    assert str(refused.value) == (
        f"{folder}/{name}: its content is not what was written (sha256 differs; it has 1,234 bytes "
        f"of {len(CONTENT[name])}). Run again, on Vertex AI without the cache, so that the step "
        f"that wrote it writes it again."
    )


@pytest.mark.parametrize("name", CONTENT)
def test_every_missing_file_is_named(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(DamagedFileError) as refused:
        verify_shards(str(folder), read_manifest(str(folder)))
    assert refused.value.path == f"{folder}/{name}"
    assert str(refused.value) == (
        f"{folder}/{name}: the manifest names this file and it is gone. Run again."
    )


def test_files_are_copied_and_compared(folder: Path, tmp_path: Path) -> None:
    copy_shards(str(folder), read_manifest(str(folder)).all_files(), str(tmp_path / "copy"))
    copied = {name: (tmp_path / "copy" / name).read_bytes() for name in CONTENT}
    assert copied == CONTENT
    (folder / "counts.json").write_bytes(b"[]\n")
    with pytest.raises(DamagedFileError, match="is not what was written"):
        copy_shards(str(folder), read_manifest(str(folder)).all_files(), str(tmp_path / "other"))


def test_a_local_folder_is_verified_where_it_is(folder: Path) -> None:
    with verified_files(str(folder)) as place:
        assert place == str(folder)
    (folder / "counts.json").write_bytes(b"[]\n")
    with pytest.raises(DamagedFileError), verified_files(str(folder)):
        pass


def test_the_digest_is_of_content_and_facts_and_not_of_the_code(folder: Path) -> None:
    digest = manifest_of(folder, seed="1").content_digest()
    made_by = {"code_digest": "x", "git": "y", "image_digest": "z", "hardware": "h"}
    assert manifest_of(folder, seed="1", **made_by).content_digest() == digest
    assert manifest_of(folder, seed="2").content_digest() != digest
    assert len(digest) == 64
    other = manifest_of(folder, seed="1")
    swapped = other.model_copy(
        update={"shards": {"train": other.shards["eval"], "eval": other.shards["train"]}}
    )
    assert swapped.content_digest() != digest
    assert other.model_copy(update={"kind": "instances"}).content_digest() != digest


def test_the_digest_does_not_change_between_versions() -> None:
    """Published manifests and cache keys hold it."""
    shard = Shard(path="a", records=1, size_bytes=1, sha256="0" * 64)
    manifest = Manifest(kind="k", shards={"b": [shard], "a": []}, counts={}, facts={"y": 1, "x": 2})
    content = '{"facts": {"x": 2, "y": 1}, "kind": "k", "shards": {"a": [], "b": ["' + "0" * 64
    expected = hashlib.sha256((content + '"]}}').encode()).hexdigest()
    assert manifest.content_digest() == expected
