"""The part of Vertex AI's JobService that TFX's Trainer uses, played on loopback.

A CustomJob's worker pools run as processes of this machine. The client is Google's own, over REST.
"""

import contextlib
import http.server
import json
import re
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.spec_runner.processes.processes import TIMED_OUT, Processes, tail, told
from pipelines.spec_runner.processes.replicas import plan_replicas, replica_environment
from pipelines.spec_runner.spec.artifacts import Json
from pipelines.spec_runner.spec.places import Places

# google.cloud.aiplatform_v1.types.JobState
RUNNING, SUCCEEDED, FAILED, CANCELLED = 3, 4, 5, 7
_POLL_SECONDS = 0.1
_JOBS = re.compile(r"/v1/(?P<parent>projects/[^/]+/locations/[^/]+)/customJobs$")
_LABEL = re.compile(r'labels\.([\w-]+)="([^"]*)"')
_JOB = re.compile(r"/v1/(?P<name>projects/[^/]+/locations/[^/]+/customJobs/\d+)(?P<verb>:cancel)?$")


@dataclass
class Job:
    """One CustomJob."""

    name: str
    body: Json  # the request's, as the client sent it
    state: int = RUNNING
    error: str = ""
    log: Path | None = None  # of the replica that failed
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def answer(self) -> Json:
        """The resource as the service would give it."""
        content = {**self.body, "name": self.name, "state": self.state}
        if self.error:
            content["error"] = {"code": 3, "message": self.error}
        return content


class CustomJobs:
    """The service: jobs, their processes, and an HTTP server that speaks of them.

    Args:
        processes: of the run.
        places: where buckets lie.
        folder: for the logs and the working folders of replicas.
    """

    def __init__(self, processes: Processes, places: Places, folder: Path) -> None:
        self._processes = processes
        self._places = places
        self._folder = folder
        self.jobs: dict[str, Job] = {}
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def endpoint(self) -> str:
        """Where the client finds it."""
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextlib.contextmanager
    def serving(self) -> Iterator[str]:
        """Answers while the block runs; gives the endpoint."""
        thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        thread.start()
        try:
            yield self.endpoint
        finally:
            self._server.shutdown()
            self._server.server_close()

    def last_failure(self) -> Path | None:
        """The log of the replica that failed last; it says more than the launcher's."""
        logs = [job.log for job in self.jobs.values() if job.state == FAILED and job.log]
        return logs[-1] if logs else None

    def create(self, parent: str, body: Json) -> Job:
        """Starts a job."""
        number = len(self.jobs) + 1
        job = Job(f"{parent}/customJobs/{number}", body)
        self.jobs[job.name] = job
        threading.Thread(target=self._work, args=(job, number), daemon=True).start()
        return job

    def find(self, query: str) -> list[Json]:
        """The jobs with the labels that a filter `labels.x="y"` asks for."""
        wanted = dict(_LABEL.findall(query))
        return [
            job.answer()
            for job in self.jobs.values()
            if wanted.items() <= job.body.get("labels", {}).items()
        ]

    def cancel(self, job: Job) -> None:
        """Ends a job that runs; whoever waits for its replicas does so."""
        if job.state == RUNNING:
            job.state = CANCELLED

    def _work(self, job: Job, number: int) -> None:
        try:
            self._run_replicas(job, number)
        except Exception as error:  # told to the client, as the service would
            job.error, job.state = f"{type(error).__name__}: {error}", FAILED

    def _run_replicas(self, job: Job, number: int) -> None:
        spec = job.body["jobSpec"]
        replicas = plan_replicas(spec["workerPoolSpecs"])
        names = [f"custom-job-{number}.{each.role}-{each.index}" for each in replicas]
        logs = [self._folder / f"{name}.log" for name in names]
        for replica, name, log in zip(replicas, names, logs, strict=True):
            words = [*replica.container.get("command", ()), *replica.container.get("args", ())]
            process = self._processes.start(
                [self._places.localise(word) for word in words],
                environment=replica_environment(replica, replicas, job.name, spec, self._places),
                folder=self._folder / name,
                log=log,
            )
            job.processes.append(process)
        limit = _seconds(spec.get("scheduling", {}).get("timeout"))
        codes = self._wait(job, limit)
        if job.state == CANCELLED:
            return
        bad = [n for n, code in enumerate(codes) if code != 0]
        if bad:
            first = bad[0]
            who = f"{replicas[first].role} {replicas[first].index}"
            job.log = logs[first]
            job.error = f"{who} {told(codes[first], limit)}: {tail(logs[first], 3)}"
        job.state = FAILED if bad else SUCCEEDED

    def _wait(self, job: Job, limit: float | None) -> list[int]:
        """Waits for all replicas; on a failure, a cancellation or the limit, all are ended."""
        processes = job.processes
        deadline = None if limit is None else time.monotonic() + limit
        codes: list[int | None] = [None] * len(processes)
        while any(code is None for code in codes):
            codes = [process.poll() for process in processes]
            late = deadline is not None and time.monotonic() > deadline
            if late or job.state == CANCELLED or any(code not in (None, 0) for code in codes):
                # What failed by itself keeps its code.
                codes = [(TIMED_OUT if late else 0) if code is None else code for code in codes]
                break
            time.sleep(_POLL_SECONDS)
        for process in processes:
            self._processes.end(process)
        return [code or 0 for code in codes]


def _seconds(duration: str | None) -> float | None:
    """A duration of protobuf's JSON, as "86400s"."""
    return float(duration.removesuffix("s")) if duration else None


def _handler(service: CustomJobs) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or b"{}")
            path = self.path.partition("?")[0]
            if match := _JOBS.match(path):
                self._reply(200, service.create(match["parent"], body).answer())
            elif (match := _JOB.match(path)) and match["verb"] and match["name"] in service.jobs:
                service.cancel(service.jobs[match["name"]])
                self._reply(200, {})
            else:
                self._unknown()

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if (match := _JOB.match(path)) and match["name"] in service.jobs:
                self._reply(200, service.jobs[match["name"]].answer())
            elif _JOBS.match(path):
                self._reply(200, {"customJobs": service.find(urllib.parse.unquote_plus(self.path))})
            else:
                self._unknown()

        def _unknown(self) -> None:
            message = f"{self.command} {self.path} is not played by textmill run-spec"
            self._reply(404, {"error": {"code": 404, "message": message, "status": "NOT_FOUND"}})

        def _reply(self, code: int, content: Json) -> None:
            payload = json.dumps(content).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, format: str, *args: Any) -> None:
            """Stays silent: the jobs' logs tell what happens."""

    return Handler
