"""A Dataflow service on loopback: it takes jobs, keeps the requests, and executes the pipelines."""

import contextlib
import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from apache_beam.portability.api import beam_runner_api_pb2

Json = dict[str, Any]
RUNNING, DONE, FAILED, CANCELLED = (
    f"JOB_STATE_{state}" for state in ("RUNNING", "DONE", "FAILED", "CANCELLED")
)
_CREATE = re.compile(r"/v1b3/projects/[^/]+/locations/[^/]+/jobs")
_JOB = re.compile(_CREATE.pattern + r"/([^/]+)")
_PART = re.compile(_JOB.pattern + "/(messages|metrics)")


@dataclass
class Job:
    """A job with the request that made it."""

    id: str
    request: Json
    executor: "subprocess.Popen[bytes] | None" = None
    cancelled: bool = False

    @property
    def state(self) -> str:
        """The state, by that of the process that executes the pipeline."""
        if self.cancelled:
            return CANCELLED
        code = self.executor.poll() if self.executor else None
        return RUNNING if code is None else FAILED if code else DONE

    @property
    def options(self) -> Json:
        """Beam's options, as the request has them."""
        options: Json = self.request["environment"]["sdkPipelineOptions"]["options"]
        return options

    @property
    def pipeline_path(self) -> str:
        """The staged pipeline."""
        return str(self.options["pipelineUrl"])

    def images(self) -> set[str]:
        """Return the images of the staged pipeline's environments."""
        with open(self.pipeline_path, "rb") as stream:  # noqa: PTH123 - may be a file system of Beam
            pipeline = beam_runner_api_pb2.Pipeline.FromString(stream.read())
        payloads = [e.payload for e in pipeline.components.environments.values()]
        parse = beam_runner_api_pb2.DockerPayload.FromString
        return {parse(payload).container_image for payload in payloads}

    def describe(self) -> Json:
        """Return what the service says of the job."""
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        kept = {name: self.request[name] for name in ("name", "type") if name in self.request}
        return {**kept, "id": self.id, "createTime": now, "currentState": self.state}


@dataclass
class DataflowService:
    """The service; `held` jobs run without an end until they are cancelled."""

    port: int = 0
    held: int = 0  # how many of the next jobs are not executed
    jobs: list[Job] = field(default_factory=list)

    @property
    def endpoint(self) -> str:
        """The value of `--dataflow_endpoint`."""
        return f"http://localhost:{self.port}"

    def create(self, request: Json) -> Json:
        """Take a job."""
        job = Job(f"job-{len(self.jobs)}", request)
        if self.held:
            self.held -= 1
        else:
            command = [sys.executable, "-m", "tests.dataflow.execute", job.pipeline_path]
            job.executor = subprocess.Popen(command)
        self.jobs.append(job)
        return job.describe()

    def answer(self, method: str, path: str, body: Json) -> Json:
        """Answer a request.

        Raises:
            KeyError: the service has no such resource.
        """
        if _CREATE.fullmatch(path):
            if method == "POST":
                return self.create(body)
            return {"jobs": [job.describe() for job in self.jobs]}
        if match := _PART.fullmatch(path):
            return {{"messages": "jobMessages", "metrics": "metrics"}[match[2]]: []}
        if match := _JOB.fullmatch(path):
            job = next(job for job in self.jobs if job.id == match[1])
            job.cancelled |= body.get("requestedState") == CANCELLED
            return job.describe()
        raise KeyError(path)


@contextlib.contextmanager
def dataflow_service() -> Iterator[DataflowService]:
    """Run the service, and end what it started."""
    service = DataflowService()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: Any) -> None:
            """Print nothing."""

        def do_GET(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or "{}")
            answer = service.answer(self.command, self.path.partition("?")[0], body)
            content = json.dumps(answer).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_POST = do_PUT = do_GET

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        service.port = server.server_port
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield service
        finally:
            server.shutdown()
            for job in service.jobs:
                if job.executor:
                    job.executor.kill()
                    job.executor.wait()
