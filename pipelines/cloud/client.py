"""Vertex AI's clients for one project and region, with patience, and errors that are sentences."""

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

from core.errors import InputError
from pipelines.cloud.errors import Retryable, explain, is_passing
from pipelines.cloud.target import Target, make_target
from pipelines.quiet import hush

if TYPE_CHECKING:
    from google.cloud import aiplatform_v1 as v1

T = TypeVar("T")
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
SHORT_PATIENCE = 90.0  # seconds over which a call is tried again
LONG_PATIENCE = 1800.0  # while a run is watched: a short outage is no reason to stop
LONGEST_WAIT = 120.0  # seconds between two tries, also if the service asks for more
TIMEOUT = 60.0  # seconds for one answer


class Cloud:
    """Vertex AI and its neighbours. Clients are made when they are first used."""

    def __init__(
        self, target: Target, credentials: Any, say: Callable[[str], None] | None = None
    ) -> None:
        """Args: credentials of google-auth; say, told when a call has to wait."""
        self.target = target
        self.credentials = credentials
        self._say = say or (lambda _: None)

    @cached_property
    def pipelines(self) -> "v1.PipelineServiceClient":
        """Pipeline jobs."""
        return self._client("PipelineServiceClient")

    @cached_property
    def schedules(self) -> "v1.ScheduleServiceClient":
        """Schedules."""
        return self._client("ScheduleServiceClient")

    @cached_property
    def jobs(self) -> "v1.JobServiceClient":
        """Custom jobs."""
        return self._client("JobServiceClient")

    @cached_property
    def metadata(self) -> "v1.MetadataServiceClient":
        """ML Metadata: artifacts, executions and contexts."""
        return self._client("MetadataServiceClient")

    def _client(self, name: str) -> Any:
        # REST, not gRPC: it passes through companies' proxies, and tests speak it to a server.
        from google.cloud import aiplatform_v1

        url = self.target.url(f"{self.target.region}-aiplatform")
        return getattr(aiplatform_v1, name)(
            credentials=self.credentials, transport="rest", client_options={"api_endpoint": url}
        )

    @cached_property
    def _session(self) -> Any:
        from google.auth.transport.requests import AuthorizedSession

        return AuthorizedSession(self.credentials)

    def refresh(self) -> None:
        """Gets a new access token."""
        from google.auth.transport.requests import Request

        self.credentials.refresh(Request())

    def ask(
        self,
        doing: str,
        service: str,
        path: str,
        *,
        query: Sequence[tuple[str, str]] = (),
        body: Any = None,
    ) -> Mapping[str, Any]:
        """Calls another Google API: a POST if there is a body, a GET else.

        Raises:
            VertexError: it refused, or did not answer.
        """

        def call() -> Mapping[str, Any]:
            from google.api_core.exceptions import from_http_response

            response = self._session.request(
                "GET" if body is None else "POST",
                self.target.url(service) + path,
                params=list(query),
                json=body,
                timeout=TIMEOUT,
            )
            if not response.ok:
                raise from_http_response(response)
            answer: Mapping[str, Any] = response.json()
            return answer

        return self.call(doing, call)

    def call(
        self,
        doing: str,
        function: Callable[[], T],
        *,
        patience: float = SHORT_PATIENCE,
        try_again: bool = True,
    ) -> T:
        """Calls a function that asks Google Cloud; what passes by itself is tried again.

        Args:
            doing: what is tried, for the error, as "submit the run".
            function: the call.
            patience: seconds over which it is tried again.
            try_again: False where a second call could do the thing twice; then only a refusal
                that says "too many calls" (429) is tried again.

        Raises:
            VertexError: it was refused, or the patience is over.
        """
        import tenacity

        def is_worth_it(error: BaseException) -> bool:
            code = int(getattr(error, "code", 0) or 0)
            if code:
                return is_passing(code, str(error)) and (try_again or code == 429)
            told = explain(error, doing, self.target.place) if isinstance(error, Exception) else 0
            return try_again and isinstance(told, Retryable)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            error = state.outcome.exception() if state.outcome else None
            code = int(getattr(error, "code", 0) or 0)
            why = f"answers {code}" if code else "does not answer"
            self._say(f"Google Cloud {why}; trying again in {state.upcoming_sleep:.0f} s")

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(is_worth_it),
            wait=_wait_as_told,
            stop=tenacity.stop_after_delay(patience),
            before_sleep=before_sleep,
            reraise=True,
        )
        try:
            return retrying(function)
        except Exception as error:
            raise explain(error, doing, self.target.place) from None  # its text may hold a token


def _wait_as_told(state: Any) -> float:
    """Seconds to the next try: what Retry-After says, else 1, 2, 4, … with a random share."""
    import tenacity

    error = state.outcome.exception()
    headers = getattr(getattr(error, "response", None), "headers", {}) or {}
    told = headers.get("Retry-After", "")
    if told.isdigit():
        return min(float(told), LONGEST_WAIT)
    grown: float = tenacity.wait_random_exponential(multiplier=1, max=LONGEST_WAIT)(state)
    return grown


def connect(
    project: str | None,
    region: str | None,
    endpoint: str | None,
    *,
    say: Callable[[str], None] | None = None,
) -> Cloud:
    """Finds credentials and checks the target; nothing is sent to Vertex AI yet.

    Raises:
        InputError: project or region is missing or of the wrong form.
        VertexError: there are no credentials.
    """
    quiet_libraries()
    draft = make_target(project or "unknown", region, endpoint)
    credentials, own_project = find_credentials(draft)
    return Cloud(make_target(project or own_project, region, endpoint), credentials, say)


def find_credentials(target: Target) -> tuple[Any, str | None]:
    """Application default credentials and the project that they name; none for an emulator.

    Raises:
        VertexError: there are none, or they cannot be read.
    """
    import google.auth
    from google.auth.credentials import AnonymousCredentials

    if target.is_emulator:
        return AnonymousCredentials(), None
    try:
        found: tuple[Any, str | None] = google.auth.default(scopes=[SCOPE])
    except Exception as error:
        raise explain(error, "find credentials", target.place) from None
    return found


def quiet_libraries() -> None:
    """Keeps Google's libraries from warning of the Python version; call before they are loaded."""
    hush(verbose=False)
    warnings.filterwarnings("ignore", category=FutureWarning)


def resource_name(target: Target, kind: str, name: str) -> str:
    """The full resource name of an id, or of a name that is full already.

    Raises:
        InputError: the name is of another project or region, or not of this kind.
    """
    parts = name.split("/")
    if len(parts) == 1:
        return f"{target.parent}/{kind}/{name}"
    if len(parts) != 6 or parts[4] != kind:
        raise InputError(f"{name}: not the name of one of Vertex AI's {kind}.")
    if parts[3] != target.region:
        raise InputError(f"{name}: lies in region {parts[3]}. Give --region {parts[3]}.")
    return name
