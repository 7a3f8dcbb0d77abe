"""Local files are written whole or not at all."""

import hashlib
import os
import re
from pathlib import Path

import pytest

from core import storage
from core.errors import StorageError
from core.failpoints import arm


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def test_only_an_address_with_a_scheme_is_remote() -> None:
    assert storage.is_remote("gs://bucket/x")
    assert not storage.is_remote("/gs:/bucket/x")


def test_paths_are_joined_by_one_slash() -> None:
    assert storage.join("gs://bucket/", "a", "b") == "gs://bucket/a/b"
    assert storage.join("/x", "y") == "/x/y"
    assert storage.join("/x//") == "/x"
    assert storage.join("/") == "/"


def test_a_file_is_written_with_its_folders_and_read_back(tmp_path: Path) -> None:
    path = str(tmp_path / "a/b/file.txt")
    storage.write_bytes(path, b"0123456789")
    assert files_in(tmp_path) == ["a", "a/b", "a/b/file.txt"]
    assert storage.read_bytes(path) == storage.read_if_exists(path) == b"0123456789"
    assert storage.read_range(path, 2, 5) == b"234"
    assert storage.size_bytes(path) == 10
    assert storage.exists(path)
    assert storage.exists(str(tmp_path / "a"))
    storage.remove(path)
    storage.remove(path)  # a second time is no error
    assert not storage.exists(path)
    assert storage.read_if_exists(path) is None


def test_a_write_that_raises_leaves_the_old_content_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"old")
    with pytest.raises(RuntimeError), storage.open_output(str(path)) as stream:
        stream.write(b"new")
        assert path.read_bytes() == b"old"
        assert len(files_in(tmp_path)) == 2
        raise RuntimeError
    assert path.read_bytes() == b"old"
    assert files_in(tmp_path) == ["file.txt"]


def test_a_file_is_complete_on_disk_before_it_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[int, bool]] = []
    path = tmp_path / "file.txt"

    def fsync(descriptor: int) -> None:
        synced.append((os.fstat(descriptor).st_size, path.exists()))

    monkeypatch.setattr(os, "fsync", fsync)
    storage.write_bytes(str(path), b"x" * 100)
    assert synced == [(100, False)]


def test_a_partial_file_lies_in_the_folder_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "split").mkdir()
    path = str(tmp_path / "split/a.txt")
    with storage.open_output(path, partial_folder=str(tmp_path)):
        (partial,) = [name for name in files_in(tmp_path) if name != "split"]
        assert re.fullmatch(r"\.a\.txt\.[0-9a-f]{16}\.partial", partial)
    assert files_in(tmp_path) == ["split", "split/a.txt"]
    (tmp_path / ".b.0.partial").touch()
    (tmp_path / "split/.c.0.partial").touch()
    (tmp_path / "d.partial").touch()
    storage.remove_partial_files(str(tmp_path))
    assert files_in(tmp_path) == ["d.partial", "split", "split/.c.0.partial", "split/a.txt"]


def test_a_writer_passes_its_failpoint(tmp_path: Path) -> None:
    try:
        arm("before-rename:1:INT")
        with pytest.raises(KeyboardInterrupt):
            storage.write_bytes(str(tmp_path / "a"), b"x")
    finally:
        arm(None)
    assert files_in(tmp_path) == []


def test_files_are_listed_in_order(tmp_path: Path) -> None:
    for name in ("b.txt", "a.txt", "x/c.txt", "d.csv"):
        storage.write_bytes(str(tmp_path / name), b"")
    assert storage.list_files(f"{tmp_path}/*.txt") == [f"{tmp_path}/a.txt", f"{tmp_path}/b.txt"]
    assert len(storage.list_files(f"{tmp_path}/**/*.txt")) == 3


def test_folders_are_made_and_removed_whether_they_exist_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a/b"
    for _ in range(2):
        storage.make_folder(str(folder))
        assert folder.is_dir()
    storage.write_bytes(str(folder / "c/d.txt"), b"x")
    for _ in range(2):
        storage.remove_tree(str(tmp_path / "a"))
    assert files_in(tmp_path) == []
    monkeypatch.chdir(tmp_path)
    storage.make_folder("gs://bucket/folder")  # nothing to do, and no request
    assert files_in(tmp_path) == []


def test_a_download_returns_the_digest_and_a_local_folder_is_used_directly(tmp_path: Path) -> None:
    content = os.urandom(3 << 20)
    (tmp_path / "source").write_bytes(content)
    for _ in range(2):  # the folder exists the second time
        digest = storage.download(str(tmp_path / "source"), str(tmp_path / "x/y/target"))
        assert digest == hashlib.sha256(content).hexdigest()
        assert (tmp_path / "x/y/target").read_bytes() == content
    with storage.open_output_folder(str(tmp_path), last="z") as place:
        assert place == str(tmp_path)


def test_a_download_to_a_full_disk_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "source").write_bytes(bytes(1 << 20))
    with pytest.raises(StorageError, match=r"source: cannot be written \(No space left"):
        storage.download(str(tmp_path / "source"), "/dev/full")


def test_results_of_transfers_are_in_order() -> None:
    assert storage.transfer(lambda number: number * 2, range(100)) == list(range(0, 200, 2))
