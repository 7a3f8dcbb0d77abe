"""One writer at a time in a folder of an object store."""

import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import StorageError
from core.gcs import lease as leases
from core.gcs.lease import Lease, LeaseError, hold, holder_name
from tests.object_store.server import BUCKET, ObjectStore


@pytest.fixture
def folder(store: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setattr(leases, "RENEW_SECONDS", 0.1)
    return f"gs://{BUCKET}{tmp_path}/checkpoints"


def test_a_second_writer_is_refused_while_the_first_lives(folder: str) -> None:
    with hold(folder) as first:
        assert first is not None
        with pytest.raises(LeaseError, match="writes the same checkpoints"):
            Lease(folder, "another").acquire()
        first.check()
    with hold(folder) as second:  # given back
        assert second is not None
        second.check()


def test_the_lease_of_a_dead_writer_expires(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leases, "TIME_TO_LIVE_SECONDS", 1.0)
    dead = Lease(folder, "dead")
    assert dead._try_write()
    begun = time.monotonic()
    living = Lease(folder, "living")
    living.acquire()
    assert time.monotonic() - begun > 0.5
    with pytest.raises(StorageError, match="was lost"):
        time.sleep(max(0.0, 1.1 - (time.monotonic() - begun)))
        dead.check()
    living.check()
    living.release()


def test_a_restarted_job_takes_its_own_lease_at_once(folder: str) -> None:
    assert Lease(folder, "job 7")._try_write()
    again = Lease(folder, "job 7")
    again.acquire()
    again.check()
    again.release()


def test_the_lease_of_a_killed_process_of_this_machine_is_taken_at_once(folder: str) -> None:
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    assert Lease(folder, f"{socket.gethostname()} {killed.pid} 1a2b3c4d")._try_write()
    begun = time.monotonic()
    living = Lease(folder, holder_name())
    living.acquire()
    assert time.monotonic() - begun < 10
    living.check()
    living.release()


def test_a_holder_that_was_replaced_stops_writing(folder: str) -> None:
    first = Lease(folder, "job 7")
    first.acquire()
    second = Lease(folder, "job 7")
    second.acquire()
    deadline = time.monotonic() + 10
    while not first._is_lost and time.monotonic() < deadline:
        time.sleep(0.05)
    with pytest.raises(StorageError, match="the lease on this folder was lost"):
        first.check()
    second.check()
    second.release()


def test_a_local_folder_needs_no_lease(tmp_path: Path) -> None:
    with hold(str(tmp_path)) as lease:
        assert lease is None
