"""Read and write objects of Google Cloud Storage, whole or not at all, in few requests."""

import base64
import contextlib
import fnmatch
import functools
import hashlib
import re
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from core.failpoints import failpoint
from core.gcs.requests import SCHEME, AlreadyExistsError, client, reporting, split_path
from core.temporary import TemporaryFolder

READ_BYTES = 8 << 20  # fetched at once by a reader that reads on
_REMOVALS = 8  # requests at once
_SHA256 = "sha256"  # key of an object's own metadata
_WILD = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class StoredObject:
    """What a listing says of an object."""

    path: str  # gs://bucket/name
    size_bytes: int
    generation: int  # changes whenever the object is written
    md5: str | None  # base64; None for composite objects
    crc32c: str  # base64
    created: float  # seconds since 1970
    sha256: str | None  # hex; None if another program wrote the object

    @property
    def checksum(self) -> str:
        """A checksum of the content, with its kind: `md5:…`, or `crc32c:…` if there is no MD5."""
        return f"md5:{self.md5}" if self.md5 else f"crc32c:{self.crc32c}"


def list_objects(folder: str, beginning: str = "") -> Iterator[StoredObject]:
    """Yield every object under a folder, sorted by name; folder markers are left out.

    Args:
        folder: gs://bucket/folder.
        beginning: only objects whose name in the folder begins with this.

    Raises:
        StorageError: there is no such bucket, or it cannot be read.
    """
    bucket, name = split_path(folder)
    inside = f"{name.rstrip('/')}/" if name else ""
    yield from _list(folder, bucket, prefix=f"{inside}{beginning}")


def glob(pattern: str) -> list[str]:
    """Return the sorted paths of the objects and folders that a pattern matches.

    `*`, `?` and `[…]` stay within one name.
    """
    bucket, name = split_path(pattern)
    wild = _WILD.search(name)
    literal = name[: wild.start()] if wild else name
    translated = fnmatch.translate(name).replace(".*", "[^/]*").replace("(?s:", "(?s:(?!.*//$)")
    matches = re.compile(translated).match
    depth = name.count("/") + 1
    listed = (split_path(item.path)[1] for item in _list(pattern, bucket, prefix=literal))
    names = {"/".join(listed_name.split("/")[:depth]) for listed_name in listed}
    return [f"{SCHEME}{bucket}/{name}" for name in sorted(names) if matches(name)]


def exists(path: str) -> bool:
    """Return whether an object or a folder that holds one is there. Takes one request."""
    bucket, name = split_path(path)
    name = name.rstrip("/")
    with reporting(path, "looked up") as retry:
        # The object sorts before its folder, and others may lie between: a/b, a/b-c, a/b/.
        listing = client().list_blobs(bucket, prefix=name, delimiter="/", retry=retry)
        return any(blob.name == name for blob in listing) or f"{name}/" in listing.prefixes


def is_folder(path: str) -> bool:
    """Return whether there is an object under a folder."""
    bucket, name = split_path(path)
    prefix = f"{name.rstrip('/')}/" if name else ""
    with reporting(path, "looked up") as retry:
        listing = client().list_blobs(bucket, prefix=prefix, max_results=1, retry=retry)
        return any(True for _ in listing)


def find(path: str) -> StoredObject | None:
    """Return what the store says of one object, or None if there is none."""
    bucket, name = split_path(path)
    with reporting(path, "looked up") as retry:
        blob = client().bucket(bucket).get_blob(name, retry=retry)
        return None if blob is None else _describe(blob)


def upload(path: str, file: str, *, only_if_absent: bool = False) -> None:
    """Upload a whole local file; the object appears when every byte is there.

    Its sha256 is stored with the object, so that a listing has it.

    Raises:
        AlreadyExistsError: only_if_absent is set and the object exists with another content.
        StorageError: the object cannot be written.
    """
    from google.api_core.exceptions import PreconditionFailed

    bucket, name = split_path(path)
    precondition = {"if_generation_match": 0} if only_if_absent else {}
    with reporting(path, "written") as retry:
        blob = client().bucket(bucket).blob(name)
        with Path(file).open("rb") as stream:
            blob.metadata = {_SHA256: hashlib.file_digest(stream, "sha256").hexdigest()}
        send = functools.partial(
            blob.upload_from_filename, file, retry=None, checksum="crc32c", **precondition
        )
        failpoint("upload-object")
        try:
            retry(send)()
        except PreconditionFailed as error:
            # An attempt whose answer was lost may have written it. It may also be gone again.
            stored = client().bucket(bucket).get_blob(name, retry=retry)
            if stored is None or stored.crc32c != _crc32c(file):
                raise AlreadyExistsError(f"{path}: exists already.") from error


def create(path: str, content: bytes) -> bool:
    """Create an object; return False if another program created it before.

    Args:
        path: of the object.
        content: differs from what other programs write.
    """
    with TemporaryFolder("upload") as folder, tempfile.NamedTemporaryFile(dir=folder) as file:
        file.write(content)
        file.flush()
        try:
            upload(path, file.name, only_if_absent=True)
        except AlreadyExistsError:
            return False
    return True


def _crc32c(file: str) -> str:
    checksum = google_crc32c.Checksum()
    with Path(file).open("rb") as stream:
        while piece := stream.read(READ_BYTES):
            checksum.update(piece)
    return base64.b64encode(checksum.digest()).decode()


def copy(source: str, target: str) -> None:
    """Copy an object within the store; no byte of it comes to this machine."""
    from_bucket, from_name = split_path(source)
    to_bucket, to_name = split_path(target)
    with reporting(source, "copied") as retry:
        blob = client().bucket(from_bucket).blob(from_name)
        copied = client().bucket(to_bucket).blob(to_name)
        token, _, _ = copied.rewrite(blob, retry=retry)
        while token:
            token, _, _ = copied.rewrite(blob, token=token, retry=retry)


def remove(path: str) -> None:
    """Remove an object; one that is gone is no error."""
    from google.api_core.exceptions import NotFound

    bucket, name = split_path(path)
    with reporting(path, "removed") as retry, contextlib.suppress(NotFound):
        client().bucket(bucket).delete_blob(name, retry=retry)


def remove_tree(folder: str) -> None:
    """Remove every object under a folder, 100 per request, several requests at once."""
    bucket, name = split_path(folder)
    with reporting(folder, "removed") as retry, ThreadPoolExecutor(_REMOVALS) as pool:
        blobs = list(client().list_blobs(bucket, prefix=f"{name.rstrip('/')}/", retry=retry))
        parts = [blobs[start : start + 100] for start in range(0, len(blobs), 100)]
        remove = functools.partial(
            client().bucket(bucket).delete_blobs, on_error=lambda blob: None, retry=retry
        )
        list(pool.map(remove, parts))


def _list(path: str, bucket: str, prefix: str) -> Iterator[StoredObject]:
    with reporting(path, "listed") as retry:
        described = "name,bucket,size,generation,md5Hash,crc32c,timeCreated,metadata"
        fields = f"items({described}),nextPageToken"
        for blob in client().list_blobs(bucket, prefix=prefix, fields=fields, retry=retry):
            if not blob.name.endswith("/"):
                yield _describe(blob, bucket)


def _describe(blob: Any, bucket: str | None = None) -> StoredObject:
    path = f"{SCHEME}{bucket or blob.bucket.name}/{blob.name}"
    return StoredObject(
        path=path,
        size_bytes=int(blob.size),
        generation=int(blob.generation),
        md5=blob.md5_hash,
        crc32c=blob.crc32c,
        created=blob.time_created.timestamp(),
        sha256=(blob.metadata or {}).get(_SHA256),
    )
