"""Serve Vertex AI's custom jobs over REST on loopback, and run each of them in a thread.

Both `textmill run-spec` and the tests' Vertex server serve these jobs to Google's own client.
"""

import contextlib
import http.server
import json
import re
import threading
import urllib.parse
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format

from pipelines.metadata.live_artifacts import Json

_JOBS = re.compile(r"/v1/(?P<parent>projects/[^/]+/locations/[^/]+)/customJobs$")
_JOB = re.compile(r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/customJobs/\d+)(?P<verb>:cancel)?$")
_LABEL = re.compile(r'labels\.([\w-]+)="([^"]*)"')
CustomJob = Any  # google.cloud.aiplatform_v1.CustomJob, which takes seconds to import

# google.cloud.aiplatform_v1.JobState
PENDING, RUNNING, SUCCEEDED, FAILED, CANCELLED = 2, 3, 4, 5, 7
ENDED = (SUCCEEDED, FAILED, CANCELLED)
INTERNAL = 13  # google.rpc.Code


class CustomJobs:
    """Custom jobs by resource name.

    Args:
        run_job: runs one job. If it returns, the job succeeded; if it raises, the job failed with
            the error's text. It may also set the job's state and error itself. None: jobs stay
            pending.
    """

    def __init__(self, run_job: Callable[[CustomJob], None] | None = None) -> None:
        self.run_job = run_job
        self.jobs: dict[str, CustomJob] = {}
        self._created = 0

    def create(self, parent: str, job: CustomJob) -> CustomJob:
        """Name a job and start it."""
        self._created += 1
        job.name = f"{parent}/customJobs/{self._created}"
        job.state = RUNNING if self.run_job else PENDING
        job.create_time = job.update_time = _now()
        self.jobs[job.name] = job
        if self.run_job:
            threading.Thread(target=self._run, args=(self.run_job, job), daemon=True).start()
        return job

    def cancel(self, name: str) -> None:
        """Mark a job as cancelled, unless it has ended; its runner then stops it."""
        if self.jobs[name].state not in ENDED:
            self.jobs[name].state = CANCELLED

    def _run(self, run_job: Callable[[CustomJob], None], job: CustomJob) -> None:
        job.start_time = _now()
        try:
            run_job(job)
        except Exception as error:  # reported to the client, as Vertex AI does
            job.error.code, job.error.message = INTERNAL, f"{type(error).__name__}: {error}"
            job.state = FAILED
        if job.state not in ENDED:
            job.state = SUCCEEDED
        job.end_time = job.update_time = _now()


def _now() -> datetime:
    return datetime.now(UTC)


class TrainingService:
    """An HTTP server for the methods of JobService that Textmill and TFX call."""

    def __init__(self, jobs: CustomJobs) -> None:
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _make_handler(jobs))
        self._server.daemon_threads = True
        self.endpoint = f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[None]:
        """Answer requests during the block."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        try:
            yield
        finally:
            self._server.shutdown()
            self._server.server_close()


def _make_handler(jobs: CustomJobs) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            path = self.path.partition("?")[0]
            if match := _JOBS.match(path):
                self._reply(200, _to_json(jobs.create(match["parent"], _to_job(body))))
            elif (match := _JOB.match(path)) and match["verb"] and match["name"] in jobs.jobs:
                jobs.cancel(match["name"])
                self._reply(200, {})
            else:
                self._reply_not_found()

        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            if (match := _JOB.match(path)) and match["name"] in jobs.jobs:
                self._reply(200, _to_json(jobs.jobs[match["name"]]))
            elif _JOBS.match(path):
                labels = dict(_LABEL.findall(urllib.parse.unquote_plus(query)))
                matching = [
                    j for j in jobs.jobs.values() if labels.items() <= dict(j.labels).items()
                ]
                self._reply(200, {"customJobs": [_to_json(job) for job in matching]})
            else:
                self._reply_not_found()

        def _reply_not_found(self) -> None:
            message = f"textmill run-spec does not serve {self.command} {self.path}"
            self._reply(404, {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}})

        def _reply(self, code: int, content: Json) -> None:
            payload = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the jobs have logs of their own."""

    return Handler


def _to_job(content: Json) -> CustomJob:
    from google.cloud.aiplatform_v1 import CustomJob as Message  # seconds to import

    job = Message()
    json_format.ParseDict(content, Message.pb(job), ignore_unknown_fields=True)
    return job


def _to_json(job: CustomJob) -> Json:
    return json_format.MessageToDict(type(job).pb(job), use_integers_for_enums=True)
