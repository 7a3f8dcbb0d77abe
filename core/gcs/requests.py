"""Send requests to Google Cloud Storage: connections, bounded retries, and failures as sentences.

A request is repeated while its failure may be temporary (429, 5xx, lost connections), for at most
`TEXTMILL_STORE_TIMEOUT_SECONDS` (default 300). After that a `StorageError` names the object, the
number of attempts and the remedy.
"""

import contextlib
import functools
import os
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from core.errors import InputError, StorageError

TIMEOUT_VARIABLE = "TEXTMILL_STORE_TIMEOUT_SECONDS"
TIMEOUT_SECONDS = 300.0
SCHEME = "gs://"
_UNANSWERED = "Run again when the store answers."
_MISSING = "Check the name, and that the bucket exists."
_DENIED = "Grant this account the role roles/storage.objectAdmin on the bucket."
_LOGIN = "Run `gcloud auth application-default login`."
# By the name of an error's class in tf.errors, google.api_core or google.auth.
_REMEDIES = {
    "NotFound": _MISSING,
    "NotFoundError": _MISSING,
    "Forbidden": _DENIED,
    "PermissionDeniedError": _DENIED,
    "Unauthorized": _LOGIN,
    "UnauthenticatedError": _LOGIN,
    "RefreshError": _LOGIN,
    "FailedPreconditionError": "Check the network and the credentials.",
    "TooManyRequests": _UNANSWERED,
    "ResourceExhaustedError": _UNANSWERED,
    "InternalServerError": _UNANSWERED,
    "BadGateway": _UNANSWERED,
    "ServiceUnavailable": _UNANSWERED,
    "GatewayTimeout": _UNANSWERED,
    "RetryError": _UNANSWERED,
    "AbortedError": _UNANSWERED,
    "DeadlineExceededError": _UNANSWERED,
    "UnavailableError": _UNANSWERED,
    "ConnectionError": _UNANSWERED,
}
# A class inside the message of another error: as Python prints it, or as a traceback ends.
_CLASS = re.compile(rf"\b({'|'.join(_REMEDIES)})(?:\(|: )")
_OBJECT = re.compile(r"gs://[^\s'\",;:*]+")
_URL = re.compile(r"https://storage\.googleapis\.com/\S*?/b/([^/?\s]+)(?:/o/([^?\s:]+))?")
# Worker processes and Beam send a traceback as text.
_OWN_MESSAGE = re.compile(r"^core\.(?:errors|gcs\.requests)\.\w+Error: (.+)$", re.MULTILINE)
_BEAM_SUFFIX = re.compile(r" \[while running '[^']*'\]")


class AlreadyExistsError(StorageError):
    """An object that was to be created exists."""


class NotFoundError(StorageError):
    """There is no such object, version of an object, or bucket."""


@functools.lru_cache(maxsize=1)
def connections(process_id: int) -> tuple[Any, Any]:
    """Return a client and a session; connections do not survive a fork."""
    import google.auth
    from google.auth.transport.requests import AuthorizedSession
    from google.cloud import storage

    scopes = ["https://www.googleapis.com/auth/devstorage.read_write"]
    credentials, project = google.auth.default(scopes=scopes)
    # No call here needs a project, so a machine without one is fine.
    client = storage.Client(project=project or "none", credentials=credentials)
    return client, AuthorizedSession(credentials)


def client() -> Any:
    """Return this process's client of google-cloud-storage."""
    return connections(os.getpid())[0]


def session() -> Any:
    """Return this process's authorized session, for requests that the client does not offer."""
    return connections(os.getpid())[1]


def split_path(path: str) -> tuple[str, str]:
    """Return the bucket and the object's name."""
    if not path.startswith(SCHEME):
        raise InputError(f"{path}: only local paths and gs:// are supported. Copy the files there.")
    bucket, _, name = path.removeprefix(SCHEME).partition("/")
    return bucket, name


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
def reporting(path: str, verb: str) -> Iterator[Any]:
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
        bucket = split_path(path)[0]
        raise NotFoundError(
            f"{path}: cannot be {verb}, because it does not exist. Check the name, and that the "
            f"bucket {bucket} exists."
        ) from error
    except exceptions.Forbidden as error:
        raise StorageError(
            f"{path}: cannot be {verb}: access denied. Grant this account the role "
            f"roles/storage.objectAdmin on the bucket {split_path(path)[0]}."
        ) from error
    except (GoogleAuthError, exceptions.Unauthorized) as error:
        raise StorageError(
            f"{path}: cannot be {verb}: no valid credentials ({_first_line(error)}). Run `gcloud "
            f"auth application-default login`, or set GOOGLE_APPLICATION_CREDENTIALS."
        ) from error
    except (exceptions.GoogleAPIError, RequestException, ConnectionError) as error:
        reason = _first_line(getattr(error, "cause", None) or error)
        if not isinstance(error, exceptions.RetryError) and not _is_temporary(error):
            raise StorageError(
                f"{path}: cannot be {verb}: the store refuses it ({reason}). Fix the reason, and "
                f"run again."
            ) from error
        attempts = "1 attempt" if len(failures) < 2 else f"{len(failures)} attempts"
        raise StorageError(
            f"{path}: cannot be {verb} ({reason}) after {attempts} within {limit:g} seconds. "
            f"{_UNANSWERED[:-1]}; {TIMEOUT_VARIABLE} sets the time."
        ) from error


def without_beam_suffix(text: str) -> str:
    """Remove the name of the transform, which Beam appends to the message of any error."""
    return _BEAM_SUFFIX.sub("", text)


def explain_foreign_error(error: BaseException) -> str | None:
    """Return a message for an error of TensorFlow, Beam or a Google client about an object.

    Workers send our own errors as text, too. None stands for errors about anything else.
    """
    text = without_beam_suffix(f"{type(error).__name__}: {error}")
    if own := _OWN_MESSAGE.search(text):
        return own[1]
    path, kind = _find_object(text), _CLASS.search(text)
    if path is None or kind is None:
        return None
    return f"{path}: {_reason(error, kind[1])}. {_REMEDIES[kind[1]]}"


def _find_object(text: str) -> str | None:
    if found := _OBJECT.search(text):
        return found[0].rstrip("/.")
    if url := _URL.search(text):
        return f"{SCHEME}{url[1]}/{unquote(url[2] or '')}".rstrip("/")
    return None


def _reason(error: BaseException, kind: str) -> str:
    """Return the first line of TensorFlow's message; other libraries' messages are long."""
    if hasattr(error, "error_code"):
        return _first_line(getattr(error, "message", error)).rstrip(".")
    return f"the request failed ({kind})"


def _is_temporary(error: Exception) -> bool:
    from google.cloud.storage.retry import DEFAULT_RETRY
    from requests.exceptions import JSONDecodeError

    # An answer that was cut short is no JSON.
    return DEFAULT_RETRY._predicate(error) or isinstance(error, JSONDecodeError)


def _first_line(error: BaseException) -> str:
    return str(error).strip().split("\n")[0][:300]
