"""Hold a folder of an object store for one writer, with a lease that expires if its holder dies.

The lease is the object `lease.json`. It is created with the precondition that it does not exist,
and renewed or taken over with the precondition of its generation, so that of two writers only one
succeeds. Its holder writes it again every 30 seconds. A lease that was not written for three
minutes is taken over. Nobody waits for that if the holder is known to be gone: a process of this
machine that has ended, or the same training job before its machine was replaced.
"""

import contextlib
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from typing import Any

from core import storage
from core.errors import InputError, StorageError
from core.gcs.requests import client, reporting, split_path

LEASE = "lease.json"
TIME_TO_LIVE_SECONDS = 180.0
RENEW_SECONDS = 30.0
_PROCESS = uuid.uuid4().hex[:8]  # tells this process from an earlier one with its number
log = logging.getLogger(__name__)


class LeaseError(InputError):
    """Another writer holds the folder."""


@contextlib.contextmanager
def hold(folder: str) -> Iterator["Lease | None"]:
    """Hold a folder during the block; a local folder needs no lease, which yields None.

    Raises:
        LeaseError: another writer holds it.
    """
    if not storage.is_remote(folder):
        yield None
        return
    lease = Lease(folder, holder_name())
    lease.acquire()
    try:
        yield lease
    finally:
        lease.release()


def holder_name() -> str:
    """Return the number of the Vertex AI job, which survives restarts, or host and process."""
    job = os.environ.get("CLOUD_ML_JOB_ID")
    return f"job {job}" if job else f"{socket.gethostname()} {os.getpid()} {_PROCESS}"


def _is_gone(holder: str) -> bool:
    """Return whether the holder was a process of this machine that has ended."""
    host, number, process = [*holder.split(" "), "", ""][:3]
    if host != socket.gethostname() or not number.isdigit():
        return False
    if int(number) == os.getpid():
        return process != _PROCESS  # of the same container, before it was restarted
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


class Lease:
    """A lease on one folder; a thread renews it."""

    def __init__(self, folder: str, holder: str) -> None:
        self._path, self._holder = storage.join(folder, LEASE), holder
        self._generation = 0  # 0: the object does not exist
        self._renewed = 0.0
        self._released = threading.Event()
        self._is_lost = False

    def acquire(self) -> None:
        """Take the lease, waiting for a dead holder's to expire.

        Raises:
            LeaseError: its holder renews it.
        """
        seen: int | None = None
        while not self._try_write():
            blob = self._read()
            if blob is None:
                self._generation = 0
                continue
            holder = (blob.metadata or {}).get("holder", "unknown")
            if seen not in (None, blob.generation):
                raise LeaseError(
                    f"{self._path}: {holder} is training with the same settings and instances, and "
                    f"writes the same checkpoints. Wait for its end, or stop it."
                )
            seen = blob.generation
            age = time.time() - blob.updated.timestamp()
            is_own = holder == self._holder or _is_gone(holder)
            if is_own or age > TIME_TO_LIVE_SECONDS:
                self._generation = blob.generation
                continue
            log.warning("%s is held by %s; waiting whether it is alive", self._path, holder)
            time.sleep(RENEW_SECONDS * 1.5)
        threading.Thread(target=self._keep_renewing, daemon=True).start()

    def check(self) -> None:
        """Check that the lease is still held, before a write that depends on it.

        Raises:
            StorageError: another writer took it, or it could not be renewed in time.
        """
        if self._is_lost or time.monotonic() - self._renewed > TIME_TO_LIVE_SECONDS:
            raise StorageError(
                f"{self._path}: the lease on this folder was lost, so another run may write it. "
                f"Nothing more was written. Run again when the other run has ended."
            )

    def release(self) -> None:
        """Give the lease back, if it is still ours."""
        self._released.set()
        with contextlib.suppress(StorageError), reporting(self._path, "removed") as retry:
            self._blob().delete(if_generation_match=self._generation, retry=retry)

    def _keep_renewing(self) -> None:
        while not self._released.wait(RENEW_SECONDS) and not self._is_lost:
            try:
                self._is_lost = not self._try_write()
            except StorageError as error:  # `check` decides when this has lasted too long
                log.warning("The lease could not be renewed: %s", error)

    def _try_write(self) -> bool:
        """Write the lease unless it has changed; return whether that succeeded."""
        from google.api_core.exceptions import PreconditionFailed

        begun = time.monotonic()
        blob = self._blob()
        blob.metadata = {"holder": self._holder, "written": uuid.uuid4().hex}
        try:
            with reporting(self._path, "written") as retry:
                blob.upload_from_string(b"", if_generation_match=self._generation, retry=retry)
        except StorageError as error:
            if not isinstance(error.__cause__, PreconditionFailed):
                raise
            stored = self._read()  # an attempt whose answer was lost may have written it
            if stored is None or (stored.metadata or {}) != blob.metadata:
                return False
            blob = stored
        self._generation, self._renewed = int(blob.generation), begun
        return True

    def _read(self) -> Any:
        bucket, name = split_path(self._path)
        with reporting(self._path, "looked up") as retry:
            return client().bucket(bucket).get_blob(name, retry=retry)

    def _blob(self) -> Any:
        bucket, name = split_path(self._path)
        return client().bucket(bucket).blob(name)
