"""Publishing from an object store to an object store."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from components.publisher import versions
from components.publisher.publish import publish
from core import failpoints, storage
from core.errors import InputError
from core.manifest import read_manifest, verify_shards
from tests.components.publisher.conftest import FILES, write_model
from tests.object_store.proxy import STATUS_FAULTS, Faults
from tests.object_store.server import BUCKET, ObjectStore

NOW = 1_763_862_000
DAY = versions.ABANDONED_SECONDS
PUBLISH = (
    "import sys; from components.publisher.publish import publish;"
    f"print(publish(sys.argv[1], sys.argv[2], sys.argv[3], lambda: {NOW}).version)"
)


@pytest.fixture
def root(store: ObjectStore, tmp_path: Path) -> str:
    """A model and a card on the object store: the folder of both."""
    root = f"gs://{BUCKET}{tmp_path}"
    write_model(tmp_path / "model", FILES)
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "README.md").write_text("# A model\n", encoding="utf-8")
    for path in (path for path in tmp_path.rglob("*") if path.is_file()):
        storage.write_bytes(f"{root}/{path.relative_to(tmp_path).as_posix()}", path.read_bytes())
    store.clear_log()
    return root


def _publish_here(root: str) -> str:
    return publish(f"{root}/model", f"{root}/card", f"{root}/published", lambda: NOW).version


def _start(root: str, store: ObjectStore, **environment: str) -> "subprocess.Popen[str]":
    arguments = [f"{root}/model", f"{root}/card", f"{root}/published"]
    return subprocess.Popen(
        [sys.executable, "-c", PUBLISH, *arguments],
        env={**os.environ, **store.environment, **environment},
        stdout=subprocess.PIPE,
        text=True,
    )


def _check(root: str, version: str) -> None:
    folder = f"{root}/published/{version}"
    verify_shards(folder, read_manifest(folder))


def test_the_store_copies_and_nothing_that_was_uploaded_comes_back(
    store: ObjectStore, root: str
) -> None:
    version = _publish_here(root)
    read = sorted(r.path for r in store.requests if r.kind == "read")
    small = ("manifest.json", "README.md", "blessed.json")
    assert all(any(name in path for name in small) for path in read), read
    assert store.counts()["copy"] == len(FILES) + 2
    assert len(store.requests) <= len(FILES) + 21, store.counts()
    _check(root, version)
    names = store.objects(f"{root.removeprefix(f'gs://{BUCKET}/')}/published/")
    assert not [name for name in names if storage.PARTIAL in name]


def test_the_same_content_is_not_published_again(store: ObjectStore, root: str) -> None:
    assert _publish_here(root) == _publish_here(root) == str(NOW)


@pytest.mark.parametrize("written_by", ["Textmill", "another program"])
def test_an_altered_model_is_not_published(store: ObjectStore, root: str, written_by: str) -> None:
    path = f"{root}/model/saved_model.pb"
    if written_by == "Textmill":
        storage.write_bytes(path, b"altered")
    else:
        store.put(path.removeprefix(f"gs://{BUCKET}/"), b"altered")
    with pytest.raises(InputError, match=r"saved_model\.pb: its content is not what was written"):
        _publish_here(root)
    assert not storage.exists(f"{root}/published")


def test_two_publishers_at_once_publish_two_versions(store: ObjectStore, root: str) -> None:
    publishers = [_start(root, store) for _ in range(2)]
    published = sorted(str(process.communicate()[0]).strip() for process in publishers)
    assert [process.returncode for process in publishers] == [0, 0]
    # The second may begin after the first ended; then it finds its own content there.
    assert published in ([str(NOW), str(NOW + 1)], [str(NOW), str(NOW)])
    for version in published:
        _check(root, version)


def test_only_one_of_many_claims_a_version(store: ObjectStore, root: str) -> None:
    with ThreadPoolExecutor(6) as pool:
        claimed = list(pool.map(lambda _: versions.claim_version(root, NOW), range(6)))
    assert sorted(claimed) == [NOW + number for number in range(6)]


def test_a_killed_publisher_leaves_nothing_that_counts_and_is_tidied_after_a_day(
    store: ObjectStore, root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    killed = _start(root, store, **{failpoints.VARIABLE: "copy-published:3"})
    killed.communicate()
    assert killed.returncode == -9
    destination = f"{root}/published"
    assert versions.complete_versions(destination) == []
    assert storage.exists(f"{destination}/{NOW}"), "some files were copied"
    assert _publish_here(root) == str(NOW + 1)
    _check(root, str(NOW + 1))
    assert versions.find_abandoned(destination) == []
    monkeypatch.setattr(versions, "ABANDONED_SECONDS", -1)
    assert versions.find_abandoned(destination) == [NOW]
    versions.claim_version(destination, NOW)
    assert not storage.exists(f"{destination}/{NOW}")
    _check(root, str(NOW + 1))


def test_one_of_five_requests_may_fail(store: ObjectStore, root: str) -> None:
    kinds = (*STATUS_FAULTS, "reset-before", "reset-after", "cut-body")
    store.inject(Faults(rate=0.2, kinds=kinds, seed=5))
    version = _publish_here(root)
    store.inject(Faults())
    _check(root, version)
