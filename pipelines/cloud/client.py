"""Call Vertex AI and other Google Cloud APIs, with retries and readable errors."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote

from core.errors import InputError
from pipelines.cloud.errors import RetryableError, explain, is_transient
from pipelines.cloud.target import Target

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

T = TypeVar("T")
RETRY_SECONDS = 90.0  # how long a call is retried
WATCH_RETRY_SECONDS = 1800.0  # while watching a run, which should survive a short outage
MAX_WAIT_SECONDS = 120.0  # between two attempts, even if the service asks for more
MAX_BACKOFF_SECONDS = 20.0  # if it does not; so much later than `RETRY_SECONDS` a call may end
TIMEOUT_SECONDS = 60.0  # for one response


class Cloud:
    """Clients of Vertex AI and other Google Cloud APIs, each created on first use."""

    def __init__(
        self, target: Target, credentials: Any, report: Callable[[str], None] | None = None
    ) -> None:
        """Keep the target and google-auth credentials; `report` prints a line before each retry."""
        self.target = target
        self.credentials = credentials
        self._report = report or (lambda _: None)

    @cached_property
    def pipelines(self) -> "v1.PipelineServiceClient":
        """Client for pipeline jobs."""
        return self._client("PipelineServiceClient")

    @cached_property
    def schedules(self) -> "v1.ScheduleServiceClient":
        """Client for schedules."""
        return self._client("ScheduleServiceClient")

    @cached_property
    def jobs(self) -> "v1.JobServiceClient":
        """Client for custom jobs."""
        return self._client("JobServiceClient")

    @cached_property
    def metadata(self) -> "v1.MetadataServiceClient":
        """Client for ML Metadata: artifacts, executions and contexts."""
        return self._client("MetadataServiceClient")

    @cached_property
    def models(self) -> "v1.ModelServiceClient":
        """Client for the Model Registry."""
        client: v1.ModelServiceClient = self._client("ModelServiceClient")
        return client

    def _client(self, name: str) -> Any:
        # REST instead of gRPC, because it passes through corporate proxies and is easy to test.
        from google.cloud import aiplatform_v1

        url = self.target.url(f"{self.target.region}-aiplatform")
        client = getattr(aiplatform_v1, name)(
            credentials=self.credentials, transport="rest", client_options={"api_endpoint": url}
        )
        return _WithDeadline(client)

    @cached_property
    def _session(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.credentials)

    def refresh(self) -> None:
        """Get a new access token."""
        from google.auth.transport.requests import Request

        self.credentials.refresh(Request())

    def call_api(
        self,
        action: str,
        service: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
    ) -> Mapping[str, Any]:
        """Call another Google API: POST if there is a body, GET otherwise.

        Args:
            action: what is attempted, for the error message, for example "read the logs".
            service: name of the API, for example "logging".
            path: path and version, for example "/v2/entries:list".
            query: URL parameters.
            body: content of a POST request.
        """
        method = "GET" if body is None else "POST"
        request = functools.partial(self._request, method, service, path)
        content: Mapping[str, Any]
        content = self.call(action, lambda: request(params=list(query), json=body).json())
        return content

    def read_beginning(self, action: str, bucket: str, name: str, size: int) -> bytes:
        """Return the first bytes of an object on Cloud Storage."""
        path = f"/storage/v1/b/{quote(bucket)}/o/{quote(name, safe='')}"
        headers = {"Range": f"bytes=0-{size - 1}"}
        request = functools.partial(self._request, "GET", "storage", path, headers=headers)
        content: bytes = self.call(action, lambda: request(params=[("alt", "media")]).content)
        return content

    def _request(self, method: str, service: str, path: str, **arguments: Any) -> Any:
        """Send one request, and raise Google's error if it is refused."""
        from google.api_core.exceptions import from_http_response

        url = self.target.url(service) + path
        response = self._session.request(method, url, timeout=TIMEOUT_SECONDS, **arguments)
        if not response.ok:
            raise from_http_response(response)
        return response

    def list_pages(
        self,
        action: str,
        service: str,
        path: str,
        key: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Mapping[str, Any] | None = None,
    ) -> Iterator[Sequence[Mapping[str, Any]]]:
        """Yield the items of a paginated list by page; `key` names the list in each response."""
        token = ""
        while True:
            paging = {"pageToken": token} if token else {}
            if body is None:
                page = self.call_api(action, service, path, query=[*query, *paging.items()])
            else:
                page = self.call_api(action, service, path, body={**body, **paging})
            yield page.get(key, ())
            token = page.get("nextPageToken", "")
            if not token:
                return

    def call(
        self,
        action: str,
        function: Callable[[], T],
        *,
        retry_seconds: float = RETRY_SECONDS,
        is_idempotent: bool = True,
    ) -> T:
        """Call a function that uses a Google Cloud API, retrying transient errors.

        Args:
            action: what is attempted, for the error message, for example "submit the run".
            function: makes the request.
            retry_seconds: how long to retry.
            is_idempotent: False if a second request could take effect twice; then only status 429
                (too many requests) is retried.

        Raises:
            VertexError: the request was refused, or still fails after `retry_seconds`.
        """
        import tenacity

        def should_retry(error: BaseException) -> bool:
            code = int(getattr(error, "code", 0) or 0)
            if code:
                return is_transient(code, str(error)) and (is_idempotent or code == 429)
            if not is_idempotent or not isinstance(error, Exception):
                return False
            return isinstance(explain(error, action, self.target), RetryableError)

        def report_retry(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            code = int(getattr(error, "code", 0) or 0)
            problem = f"answers {code}" if code else "does not answer"
            self._report(f"Google Cloud {problem}; trying again in {state.upcoming_sleep:.0f} s")

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(should_retry),
            wait=_retry_wait_seconds,
            stop=tenacity.stop_after_delay(retry_seconds),
            before_sleep=report_retry,
            reraise=True,
        )
        try:
            return retrying(function)
        except Exception as error:
            # Without the cause, whose text may contain an access token.
            raise explain(error, action, self.target) from None


class _WithDeadline:
    """A generated client whose methods wait at most `TIMEOUT_SECONDS` for each response.

    By itself it waits without a limit for most of them.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return functools.partial(getattr(self._client, name), timeout=TIMEOUT_SECONDS)


def _retry_wait_seconds(state: Any) -> float:
    """Return the Retry-After header's value, or 1, 2, 4, … seconds with random jitter."""
    import tenacity

    error = state.outcome.exception()
    headers = getattr(getattr(error, "response", None), "headers", {}) or {}
    retry_after = headers.get("Retry-After", "")
    if retry_after.isdigit():
        return min(float(retry_after), MAX_WAIT_SECONDS)
    backoff: float = tenacity.wait_random_exponential(multiplier=1, max=MAX_BACKOFF_SECONDS)(state)
    return backoff


def resource_name(target: Target, kind: str, name: str) -> str:
    """Return the full name for an id or a full name; `kind` is for example "pipelineJobs".

    Raises:
        InputError: the name belongs to another project, region or collection.
    """
    parts = name.split("/")
    if len(parts) == 1:
        return f"{target.parent}/{kind}/{name}"
    if len(parts) != 6 or parts[4] != kind:
        raise InputError(f"{name}: not the name of one of Vertex AI's {kind}.")
    if parts[3] != target.region:
        raise InputError(f"{name}: is in region {parts[3]}. Pass --region {parts[3]}.")
    return name


def message_to_json(message: Any) -> dict[str, Any]:
    """Convert an API message to JSON: camelCase keys, enums by name, ISO times."""
    from google.protobuf import json_format

    content: dict[str, Any] = json_format.MessageToDict(type(message).pb(message))
    return content
