"""An emulated object store for each test file, reached by the tests' own process."""

from collections.abc import Iterator

import pytest
from google.auth.compute_engine import _metadata

from core.gcs import requests
from tests.object_store.proxy import Faults
from tests.object_store.server import ObjectStore
from tests.object_store.server import object_store as run_object_store


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObjectStore]:
    """An object store for one test file."""
    with run_object_store(tmp_path_factory.mktemp("store")) as store:
        yield store


def reach(store: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process reach an object store."""
    for name, value in store.environment.items():
        monkeypatch.setenv(name, value)
    # Another test file may have imported it already, and it reads the environment only then.
    monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", store.environment["GCE_METADATA_HOST"])
    requests.connections.cache_clear()


@pytest.fixture
def store(running: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[ObjectStore]:
    """The object store, reached by this process, with an empty log."""
    reach(running, monkeypatch)
    running.clear_log()
    yield running
    running.inject(Faults())
