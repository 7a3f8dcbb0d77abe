"""TFX's file operations on gs:// do what they do on a disk, in few requests."""

from pathlib import Path
from typing import Any

import pytest
from tfx.dsl.io import fileio, filesystem_registry
from tfx.utils import io_utils

from components.tfx_internals import file_system
from tests.object_store.server import BUCKET, ObjectStore


def test_tfx_takes_our_class_for_gs_and_its_own_for_a_disk() -> None:
    registry = filesystem_registry.DEFAULT_FILESYSTEM_REGISTRY
    assert registry.get_filesystem_for_path("gs://b/x") is file_system.ObjectStoreFilesystem
    assert registry.get_filesystem_for_path("/x") is not file_system.ObjectStoreFilesystem


def _use(root: str) -> list[Any]:
    """Use every operation, and return what each one said, without the root."""
    seen: list[Any] = []
    fileio.makedirs(f"{root}/a/deep")
    for name in ("a/one.txt", "a/two.bin", "a/deep/three.txt", "b/four.txt"):
        io_utils.write_string_file(f"{root}/{name}", f"text of {name}, ü\n")
    with fileio.open(f"{root}/a/two.bin", "wb") as stream:
        stream.write(b"\x00\xff")
    seen.append(fileio.open(f"{root}/a/one.txt").read())
    seen.append(fileio.open(f"{root}/a/two.bin", "rb").read())
    seen += [fileio.exists(f"{root}/{name}") for name in ("a", "a/one.txt", "a/on", "c")]
    seen += [fileio.isdir(f"{root}/{name}") for name in ("a", "a/one.txt", "c")]
    seen.append(sorted(fileio.listdir(f"{root}/a")))
    seen.append(sorted(fileio.glob(f"{root}/*/*.txt")))
    seen.append(sorted(fileio.glob(f"{root}/a*")))
    seen.append([(f, sorted(d), sorted(n)) for f, d, n in sorted(fileio.walk(root))])
    seen.append(fileio.stat(f"{root}/a/two.bin").length)
    fileio.copy(f"{root}/a/one.txt", f"{root}/b/one.txt")
    with pytest.raises(Exception, match="exists"):  # OSError, or TensorFlow's own
        fileio.copy(f"{root}/a/one.txt", f"{root}/b/one.txt")
    fileio.copy(f"{root}/a/two.bin", f"{root}/b/one.txt", overwrite=True)
    fileio.rename(f"{root}/b/one.txt", f"{root}/b/moved.txt")
    fileio.rename(f"{root}/a/deep", f"{root}/b/deep")
    fileio.remove(f"{root}/b/four.txt")
    seen.append(sorted(fileio.glob(f"{root}/b/*")))
    fileio.rmtree(f"{root}/b")
    seen.append(fileio.exists(f"{root}/b"))
    with pytest.raises(fileio.NotFoundError):
        fileio.listdir(f"{root}/b")
    return [str(item).replace(root, "ROOT") for item in seen]


def test_every_operation_says_what_it_says_on_a_disk(store: ObjectStore, tmp_path: Path) -> None:
    assert _use(f"gs://{BUCKET}/tfx") == _use(str(tmp_path))


def test_making_a_folder_and_writing_a_file_costs_one_request(store: ObjectStore) -> None:
    fileio.makedirs(f"gs://{BUCKET}/tfx-cost/a/b/c")
    io_utils.write_string_file(f"gs://{BUCKET}/tfx-cost/a/b/c/d.txt", "x")
    assert store.counts() == {"upload": 1}


def test_a_write_that_raises_leaves_nothing(store: ObjectStore) -> None:
    with pytest.raises(RuntimeError), fileio.open(f"gs://{BUCKET}/tfx-half/a", "w") as stream:
        stream.write("half")
        raise RuntimeError("midway")
    assert store.objects("tfx-half/") == {}
