"""What a refusal of the store says, wherever Textmill, Beam or TensorFlow meets it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from components.publisher.publish import publish
from core import storage
from core.errors import StorageError
from core.exit import FAILED, exit_code, explain
from core.gcs import object_store
from core.gcs.lease import hold
from core.gcs.requests import TIMEOUT_VARIABLE
from core.manifest import compare_with_listing, copy_shards, describe_file
from tests.components.publisher.conftest import FILES, write_model
from tests.object_store.proxy import Faults
from tests.object_store.server import BUCKET, ObjectStore

ROOT = f"gs://{BUCKET}"
REMEDIES = {
    "401": "gcloud auth application-default login",
    "403": "roles/storage.objectAdmin on the bucket",
    "404": "Check the name, and that the bucket",
    "429": f"Run again when the store answers; {TIMEOUT_VARIABLE} sets the time.",
    "503": f"Run again when the store answers; {TIMEOUT_VARIABLE} sets the time.",
}


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A model, its card and a shard on the local disk."""
    write_model(tmp_path / "model", FILES)
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "README.md").write_text("# A model\n", encoding="utf-8")
    (tmp_path / "shard").write_bytes(b"x")
    return tmp_path


def _hold(local: Path) -> None:
    with hold(f"{ROOT}/refused/checkpoints"):
        pass


def _write_folder(local: Path) -> None:
    with storage.open_output_folder(f"{ROOT}/refused/folder", "last") as folder:
        Path(folder, "last").write_bytes(b"x")


PATHS: dict[str, Callable[[Path], object]] = {
    "text, vocabularies, settings": lambda _: storage.read_bytes(f"{ROOT}/refused/a"),
    "a range of a text file": lambda _: storage.read_range(f"{ROOT}/refused/a", 0, 3),
    "text files by a pattern": lambda _: storage.list_files(f"{ROOT}/refused/*"),
    "instances of a training": lambda local: copy_shards(
        f"{ROOT}/refused", [describe_file(str(local), "shard")], str(local / "copy")
    ),
    "instances larger than the disk": lambda local: compare_with_listing(
        f"{ROOT}/refused", [describe_file(str(local), "shard")]
    ),
    "a checkpoint's lease": _hold,
    "a checkpoint, a report, a manifest": lambda _: storage.write_bytes(f"{ROOT}/refused/a", b"x"),
    "an exported model": _write_folder,
    "a published model": lambda local: publish(
        str(local / "model"), str(local / "card"), f"{ROOT}/refused/published", lambda: 1
    ),
    "a copy within the store": lambda _: object_store.copy(
        f"{ROOT}/refused/a", f"{ROOT}/refused/b"
    ),
    "old checkpoints": lambda _: storage.remove_tree(f"{ROOT}/refused/old"),
}


CASES = [
    (path, status)
    for path in PATHS
    for status in REMEDIES
    # A shard that is gone is a damaged input (tests/core/test_manifest.py).
    if (path, status) != ("instances of a training", "404")
]


@pytest.mark.parametrize(("path", "status"), CASES)
def test_a_refusal_is_a_sentence_and_an_exit_code(
    path: str, status: str, store: ObjectStore, local: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TIMEOUT_VARIABLE, "0.1")
    store.inject(Faults(rate=1.0, kinds=(status,)))
    with pytest.raises(StorageError) as caught:
        PATHS[path](local)
    message = explain(caught.value, ".")
    assert message is not None
    assert message.startswith(f"{ROOT}/refused")
    assert ": cannot be " in message
    assert REMEDIES[status] in message
    assert exit_code(caught.value) == FAILED
    assert [request for request in store.requests if request.fault], "a request was refused"


@pytest.mark.parametrize("status", ["403", "404"])
def test_a_refusal_that_beam_meets_is_a_sentence(store: ObjectStore, status: str) -> None:
    import apache_beam as beam

    path = store.put("beam/shard-1", b"x")
    store.inject(Faults(rate=1.0, kinds=(status,)))
    with pytest.raises(Exception) as caught, beam.Pipeline() as pipeline:
        _ = pipeline | beam.io.ReadFromTFRecord(f"{path[:-1]}*")
    message = explain(caught.value, ".")
    assert message is not None, repr(caught.value)
    assert message.startswith(f"{ROOT}/beam")
    assert REMEDIES[status].removesuffix(" the bucket") in message


def test_a_refusal_that_tensorflow_meets_ends_a_program_with_a_sentence(store: ObjectStore) -> None:
    store.put("tf/a.txt", b"x")
    store.inject(Faults(rate=1.0, kinds=("403",), matching="a.txt"))
    script = (
        "import sys, tensorflow as tf; from core.exit import exit_with_sentence\n"
        "with exit_with_sentence(): tf.io.gfile.GFile(sys.argv[1], 'rb').read()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, f"{ROOT}/tf/a.txt"],
        capture_output=True,
        text=True,
        check=False,
    )
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"error: {ROOT}/tf/a.txt: "), done.stderr
    assert "Grant this account the role roles/storage.objectAdmin" in last
    assert done.returncode == FAILED
