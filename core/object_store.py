"""Read and write objects of Google Cloud Storage, whole or not at all, in few requests.

A request is repeated while its failure may be temporary (429, 5xx, lost connections), for at most
`TEXTMILL_STORE_TIMEOUT_SECONDS` (default 300). After that a `StorageError` names the object, the
number of attempts and the remedy.
"""

import base64
import contextlib
import fnmatch
import functools
import hashlib
import io
import os
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

import google_crc32c

from core.errors import InputError, StorageError
from core.failpoints import failpoint

TIMEOUT_VARIABLE = "TEXTMILL_STORE_TIMEOUT_SECONDS"
TIMEOUT_SECONDS = 300.0
READ_BYTES = 8 << 20  # fetched at once by a reader that reads on
_SCHEME = "gs://"
_SHA256 = "sha256"  # key of an object's own metadata
_DOWNLOADS = "https://storage.googleapis.com/download/storage/v1"
_REQUEST_SECONDS = 60.0
_UNANSWERED = "Run again when the store answers."
_TENSORFLOW_REMEDIES = {  # by the name of the class in tf.errors
    "NotFoundError": "Check the name, and that the bucket exists.",
    "PermissionDeniedError": "Grant this account the role roles/storage.objectAdmin on the bucket.",
    "UnauthenticatedError": "Run `gcloud auth application-default login`.",
    "FailedPreconditionError": "Check the network and the credentials.",
    "AbortedError": _UNANSWERED,
    "DeadlineExceededError": _UNANSWERED,
    "UnavailableError": _UNANSWERED,
}
_WILD = re.compile(r"[*?\[]")


class AlreadyExistsError(StorageError):
    """An object that was to be created exists."""


class NotFoundError(StorageError):
    """There is no such object, version of an object, or bucket."""


@dataclass(frozen=True)
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
    bucket, name = _split(folder)
    inside = f"{name.rstrip('/')}/" if name else ""
    yield from _list(folder, bucket, prefix=f"{inside}{beginning}")


def glob(pattern: str) -> list[str]:
    """Return the sorted paths of the objects and folders that a pattern matches.

    `*`, `?` and `[…]` stay within one name.
    """
    bucket, name = _split(pattern)
    wild = _WILD.search(name)
    literal = name[: wild.start()] if wild else name
    translated = fnmatch.translate(name).replace(".*", "[^/]*").replace("(?s:", "(?s:(?!.*//$)")
    matches = re.compile(translated).match
    depth = name.count("/") + 1
    listed = (_split(item.path)[1] for item in _list(pattern, bucket, prefix=literal))
    names = {"/".join(listed_name.split("/")[:depth]) for listed_name in listed}
    return [f"{_SCHEME}{bucket}/{name}" for name in sorted(names) if matches(name)]


def exists(path: str) -> bool:
    """Return whether an object or a folder that holds one is there. Takes one request."""
    bucket, name = _split(path)
    name = name.rstrip("/")
    with _reporting(path, "looked up") as retry:
        # The object sorts before its folder, and others may lie between: a/b, a/b-c, a/b/.
        listing = _client().list_blobs(bucket, prefix=name, delimiter="/", retry=retry)
        return any(blob.name == name for blob in listing) or f"{name}/" in listing.prefixes


def is_folder(path: str) -> bool:
    """Return whether there is an object under a folder."""
    bucket, name = _split(path)
    prefix = f"{name.rstrip('/')}/" if name else ""
    with _reporting(path, "looked up") as retry:
        listing = _client().list_blobs(bucket, prefix=prefix, max_results=1, retry=retry)
        return any(True for _ in listing)


def find(path: str) -> StoredObject | None:
    """Return what the store says of one object, or None if there is none."""
    bucket, name = _split(path)
    with _reporting(path, "looked up") as retry:
        blob = _client().bucket(bucket).get_blob(name, retry=retry)
        return None if blob is None else _describe(blob)


def open_input(
    path: str, generation: int | None = None, buffer_bytes: int = READ_BYTES
) -> IO[bytes]:
    """Open an object for reading; it is seekable, and every byte comes from one generation.

    Args:
        path: gs://bucket/name.
        generation: the version to read; None for the one that is current at the first read.
        buffer_bytes: fetched per request. Readers of small ranges choose it small.
    """
    return io.BufferedReader(_ObjectReader(path, generation), buffer_bytes)


def read_range(path: str, first: int, last: int) -> bytes:
    """Read the bytes from first up to last (exclusive) in one request."""
    return _ObjectReader(path).read_range(first, last) if last > first else b""


def upload(path: str, file: str, *, only_if_absent: bool = False) -> None:
    """Upload a whole local file; the object appears when every byte is there.

    Its sha256 is stored with the object, so that a listing has it.

    Raises:
        AlreadyExistsError: only_if_absent is set and the object exists with another content.
        StorageError: the object cannot be written.
    """
    from google.api_core.exceptions import PreconditionFailed

    bucket, name = _split(path)
    precondition = {"if_generation_match": 0} if only_if_absent else {}
    with _reporting(path, "written") as retry:
        blob = _client().bucket(bucket).blob(name)
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
            stored = _client().bucket(bucket).get_blob(name, retry=retry)
            if stored is None or stored.crc32c != _crc32c(file):
                raise AlreadyExistsError(f"{path}: exists already.") from error


def create(path: str, content: bytes) -> bool:
    """Create an object; return False if another program created it before.

    Args:
        path: of the object.
        content: differs from what other programs write.
    """
    with tempfile.NamedTemporaryFile(prefix="textmill-upload-") as file:
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
    from_bucket, from_name = _split(source)
    to_bucket, to_name = _split(target)
    with _reporting(source, "copied") as retry:
        blob = _client().bucket(from_bucket).blob(from_name)
        copied = _client().bucket(to_bucket).blob(to_name)
        token, _, _ = copied.rewrite(blob, retry=retry)
        while token:
            token, _, _ = copied.rewrite(blob, token=token, retry=retry)


def remove(path: str) -> None:
    """Remove an object; one that is gone is no error."""
    from google.api_core.exceptions import NotFound

    bucket, name = _split(path)
    with _reporting(path, "removed") as retry, contextlib.suppress(NotFound):
        _client().bucket(bucket).delete_blob(name, retry=retry)


def remove_tree(folder: str) -> None:
    """Remove every object under a folder, 100 per request."""
    bucket, name = _split(folder)
    with _reporting(folder, "removed") as retry:
        client = _client()
        blobs = list(client.list_blobs(bucket, prefix=f"{name.rstrip('/')}/", retry=retry))
        for start in range(0, len(blobs), 100):
            client.bucket(bucket).delete_blobs(
                blobs[start : start + 100], on_error=lambda blob: None, retry=retry
            )


class _ObjectReader(io.RawIOBase):
    """Fetch ranges of one generation of an object."""

    def __init__(self, path: str, generation: int | None = None) -> None:
        self._path = path
        bucket, name = _split(path)
        self._url = f"{_DOWNLOADS}/b/{quote(bucket, safe='')}/o/{quote(name, safe='')}"
        self._generation = generation
        self._position = 0
        self._size: int | None = None  # of the object, once it is known

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        if whence == os.SEEK_END:
            if self._size is None:
                self.read_range(0, 1)
            offset += self._size or 0
        self._position = offset + (self._position if whence == os.SEEK_CUR else 0)
        return self._position

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        content = self.read_range(self._position, self._position + len(view))
        view[: len(content)] = content
        self._position += len(content)
        return len(content)

    def readall(self) -> bytes:
        content = self.read_range(self._position, None)
        self._position += len(content)
        return content

    def read_range(self, first: int, last: int | None) -> bytes:
        """Read from first up to last (exclusive), or to the end."""
        if self._size is not None and first >= self._size:
            return b""
        with _reporting(self._path, "read") as retry:
            content: bytes = retry(functools.partial(self._fetch, first, last))()
        return content

    def _fetch(self, first: int, last: int | None) -> bytes:
        """Request a range, and check that every byte of it arrived."""
        from google.api_core.exceptions import from_http_response

        response = _session().get(
            self._url,
            params={"alt": "media", "generation": self._generation},
            headers={"Range": f"bytes={first}-{'' if last is None else last - 1}"},
            timeout=_REQUEST_SECONDS,
        )
        if response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            self._size = first  # or less; a reader that reads on comes to just here
            return b""
        if response.status_code not in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
            raise from_http_response(response)
        content: bytes = response.content
        size = int(response.headers.get("Content-Range", f"/{len(content)}").rpartition("/")[2])
        if len(content) != (size if last is None else min(last, size)) - first:
            raise ConnectionError(f"{len(content)} bytes arrived of the range {first}-{last}")
        self._size = size
        if "X-Goog-Generation" in response.headers:  # later ranges come from the same version
            self._generation = int(response.headers["X-Goog-Generation"])
        return content


@functools.lru_cache(maxsize=1)
def _connections_of(process_id: int) -> tuple[Any, Any]:
    """Return a client and a session; connections do not survive a fork."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud import storage

    scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
    credentials, project = google.auth.default(scopes=scopes)
    # No call here needs a project, so a machine without one is fine.
    client = storage.Client(project=project or "none", credentials=credentials)
    return client, AuthorizedSession(credentials)


def _client() -> Any:
    return _connections_of(os.getpid())[0]


def _session() -> Any:
    return _connections_of(os.getpid())[1]


def _split(path: str) -> tuple[str, str]:
    """Return the bucket and the object's name."""
    if not path.startswith(_SCHEME):
        raise InputError(f"{path}: only local paths and gs:// are supported. Copy the files there.")
    bucket, _, name = path.removeprefix(_SCHEME).partition("/")
    return bucket, name


def _list(path: str, bucket: str, prefix: str) -> Iterator[StoredObject]:
    with _reporting(path, "listed") as retry:
        described = "name,bucket,size,generation,md5Hash,crc32c,timeCreated,metadata"
        fields = f"items({described}),nextPageToken"
        for blob in _client().list_blobs(bucket, prefix=prefix, fields=fields, retry=retry):
            if not blob.name.endswith("/"):
                yield _describe(blob, bucket)


def _describe(blob: Any, bucket: str | None = None) -> StoredObject:
    path = f"{_SCHEME}{bucket or blob.bucket.name}/{blob.name}"
    return StoredObject(
        path=path,
        size_bytes=int(blob.size),
        generation=int(blob.generation),
        md5=blob.md5_hash,
        crc32c=blob.crc32c,
        created=blob.time_created.timestamp(),
        sha256=(blob.metadata or {}).get(_SHA256),
    )


def timeout_seconds() -> float:
    """Return how long a failing request is repeated.

    Raises:
        InputError: the environment's value is not a positive number.
    """
    value = os.environ.get(TIMEOUT_VARIABLE, str(TIMEOUT_SECONDS))
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not seconds > 0:
        raise InputError(f"{TIMEOUT_VARIABLE} is {value!r}. Set it to a number of seconds above 0.")
    return seconds


@contextlib.contextmanager
def _reporting(path: str, verb: str) -> Iterator[Any]:
    """Yield the retry for one operation; turn its failure into a sentence.

    Raises:
        StorageError: the store refuses, or keeps failing until the time is over.
    """
    from google.api_core import exceptions
    from google.api_core.retry import Retry
    from google.auth.exceptions import GoogleAuthError
    from requests import RequestException

    failures: list[Exception] = []
    limit = timeout_seconds()
    retry = Retry(
        predicate=_is_temporary, initial=0.5, multiplier=2, maximum=30, timeout=limit,
        on_error=failures.append,
    )  # fmt: skip
    try:
        yield retry
    except exceptions.NotFound as error:
        bucket = _split(path)[0]
        raise NotFoundError(
            f"{path}: cannot be {verb}, because it does not exist. Check the name, and that the "
            f"bucket {bucket} exists."
        ) from error
    except exceptions.Forbidden as error:
        raise StorageError(
            f"{path}: cannot be {verb}: access denied. Grant this account the role "
            f"roles/storage.objectAdmin on the bucket {_split(path)[0]}."
        ) from error
    except GoogleAuthError as error:
        raise StorageError(
            f"{path}: cannot be {verb}: no valid credentials ({error}). Run `gcloud auth "
            f"application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error
    except (exceptions.GoogleAPIError, RequestException, ConnectionError) as error:
        reason = getattr(error, "cause", None) or error
        raise StorageError(
            f"{path}: cannot be {verb} ({_first_line(reason)}) after {len(failures) + 1} attempts "
            f"within {limit:g} seconds. Run again when the store answers; {TIMEOUT_VARIABLE} "
            f"sets the time."
        ) from error


def explain_tensorflow_error(error: BaseException) -> str | None:
    """Return a message for an error of TensorFlow about an object, or None for others."""
    object_path = re.search(r"gs://[^\s'\",;:]+", str(error))
    remedy = _TENSORFLOW_REMEDIES.get(type(error).__name__)
    if object_path is None or remedy is None or not hasattr(error, "error_code"):
        return None
    reason = _first_line(getattr(error, "message", error))
    return f"{object_path[0]}: {reason}. {remedy}"


def _is_temporary(error: Exception) -> bool:
    from google.cloud.storage.retry import DEFAULT_RETRY
    from requests.exceptions import JSONDecodeError

    # An answer that was cut short is no JSON.
    return DEFAULT_RETRY._predicate(error) or isinstance(error, JSONDecodeError)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]
