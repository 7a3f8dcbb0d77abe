"""Run Beam pipelines on Dataflow, and end a job when the task that waits for it ends.

Beam's own runner leaves its job running, and paid for, when its process is stopped or killed. A
retry would then write the same files as the job of the earlier attempt.
"""

import time
from collections.abc import Iterator
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.dataflow import dataflow_runner

from core import storage
from core.errors import StorageError, TextmillError

CANCEL_SECONDS = 900  # Dataflow takes minutes to end a job
RETRIES = 5  # of a request
_ENDPOINT = "https://dataflow.googleapis.com"
_SCOPES = ["https://www.googleapis.com/auth/cloud-platform"]
_REQUEST_SECONDS = 60
_POLL_SECONDS = 5.0
_ENDED = {"DONE", "FAILED", "CANCELLED", "UPDATED", "DRAINED"}


class DataflowError(TextmillError):
    """A job on Dataflow cannot be started or ended."""


class DataflowRunner(dataflow_runner.DataflowRunner):
    """Beam's runner, with a name and a folder for each job below those that the flags give a task.

    The class has the name of Beam's, because Beam's validator of options looks for it.
    """

    def run_pipeline(
        self, pipeline: Any, options: PipelineOptions, *others: Any, **named: Any
    ) -> Any:
        """End the jobs of earlier attempts, start one, and wait for it; cancel it on any exception.

        Raises:
            StorageError: the folder for temporary files cannot be written.
            DataflowError: the job of an earlier attempt does not end.
        """
        cloud = options.view_as(GoogleCloudOptions)
        _check_folder(cloud.temp_location)
        jobs = TaskJobs(cloud)
        jobs.cancel()
        jobs.wait_until_ended()
        cloud.job_name = f"{jobs.prefix}{token_hex(4)}"
        cloud.temp_location = storage.join(cloud.temp_location, cloud.job_name)
        storage.make_folder(cloud.temp_location)
        try:
            result = super().run_pipeline(pipeline, options, *others, **named)
            result.wait_until_finish()
        except BaseException:  # such as that of a signal, at any time after the service has the job
            jobs.cancel()
            raise
        return result


class TaskJobs:
    """The jobs of a task on Dataflow, by the REST interface.

    Beam's clients differ between its releases.

    Attributes:
        prefix: the start of their names.
    """

    def __init__(self, cloud: GoogleCloudOptions) -> None:
        """Take project, region and endpoint, and the name of the task as that of the job."""
        self.prefix = f"{cloud.job_name}-"
        place = f"projects/{quote(cloud.project)}/locations/{quote(cloud.region)}"
        self._url = f"{cloud.dataflow_endpoint or _ENDPOINT}/v1b3/{place}/jobs"
        self._session = _session(anonymous=cloud.no_auth)

    def cancel(self) -> None:
        """Ask the service to cancel the jobs that have not ended."""
        for job in self._active():
            body = {"requestedState": "JOB_STATE_CANCELLED"}
            self._send("PUT", f"/{job}", json=body)

    def wait_until_ended(self) -> None:
        """Wait for the jobs to end.

        Raises:
            DataflowError: one does not.
        """
        deadline = time.monotonic() + CANCEL_SECONDS
        while active := list(self._active()):
            if time.monotonic() > deadline:
                raise DataflowError(
                    f"The Dataflow job {active[0]} of an earlier attempt did not end within "
                    f"{CANCEL_SECONDS // 60} minutes after it was cancelled. End it by "
                    f"`gcloud dataflow jobs cancel {active[0]} --force`, and run again."
                )
            time.sleep(_POLL_SECONDS)

    def _active(self) -> Iterator[str]:
        """Yield the ids of the jobs that have not ended."""
        token = ""
        while True:
            page = self._send("GET", "", params={"filter": "ACTIVE", "pageToken": token})
            for job in page.get("jobs", ()):
                state = job.get("currentState", "").removeprefix("JOB_STATE_")
                if job["name"].startswith(self.prefix) and state not in _ENDED:
                    yield job["id"]
            if not (token := page.get("nextPageToken", "")):
                return

    def _send(self, method: str, path: str, **arguments: Any) -> dict[str, Any]:
        from google.auth.exceptions import GoogleAuthError
        from requests import RequestException

        try:
            response = self._session.request(
                method, self._url + path, timeout=_REQUEST_SECONDS, **arguments
            )
            response.raise_for_status()
        except (RequestException, GoogleAuthError) as error:
            raise DataflowError(
                f"Dataflow does not list or cancel jobs ({error}). Check the network, and that "
                f"this account has the role roles/dataflow.admin."
            ) from error
        answer: dict[str, Any] = response.json()
        return answer


def _check_folder(folder: str) -> None:
    """Write a file to the folder, and remove it: Beam finds out only after it has staged files."""
    probe = storage.join(folder, f".writable-{token_hex(4)}")
    try:
        storage.write_bytes(probe, b"")
        storage.remove(probe)
    except (OSError, StorageError) as error:
        raise StorageError(
            f"Dataflow's folder for temporary files cannot be used ({error}). Fix this, or give "
            f"another pipeline root."
        ) from error


def _session(*, anonymous: bool) -> Any:
    """Return a session that repeats requests whose failure may be temporary."""
    import google.auth
    import requests
    from google.auth.transport.requests import AuthorizedSession
    from requests.adapters import HTTPAdapter
    from urllib3.util import Retry

    if anonymous:
        session: Any = requests.Session()
    else:
        session = AuthorizedSession(google.auth.default(scopes=_SCOPES)[0])
    temporary = [429, 500, 502, 503, 504]
    retry = Retry(RETRIES, backoff_factor=0.5, status_forcelist=temporary, allowed_methods=None)
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(max_retries=retry))
    return session
