"""The part of Vertex AI's JobService that TFX's Trainer uses, played on loopback.

A CustomJob's worker pools run as processes of this machine, with the variables that Vertex AI sets
(https://cloud.google.com/vertex-ai/docs/training/distributed-training): CLUSTER_SPEC, TF_CONFIG and
AIP_*. The client is Google's own, over REST.
"""

import contextlib
import http.server
import json
import re
import socket
import subprocess
import threading
import time
import urllib.parse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.spec_runner.artifacts import Json
from pipelines.spec_runner.places import Places
from pipelines.spec_runner.processes import (
    TIMED_OUT,
    Processes,
    container_environment,
    tail,
    told,
)

# google.cloud.aiplatform_v1.types.JobState
RUNNING, SUCCEEDED, FAILED, CANCELLED = 3, 4, 5, 7
# The roles of worker pools by their place.
ROLES = ("chief", "worker", "ps", "evaluator")
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
        """Ends a job that runs."""
        if job.state == RUNNING:
            job.state = CANCELLED
            for process in job.processes:
                with contextlib.suppress(ProcessLookupError):
                    process.terminate()

    def _work(self, job: Job, number: int) -> None:
        try:
            self._run_replicas(job, number)
        except Exception as error:  # told to the client, as the service would
            job.error, job.state = f"{type(error).__name__}: {error}", FAILED

    def _run_replicas(self, job: Job, number: int) -> None:
        spec = job.body["jobSpec"]
        replicas = list(_replicas(spec["workerPoolSpecs"]))
        cluster = _cluster(replicas)
        logs = []
        for role, pool, index, container in replicas:
            log = self._folder / f"custom-job-{number}.{role}-{index}.log"
            command = [*container.get("command", ()), *container.get("args", ())]
            process = self._processes.start(
                [self._places.localise(word) for word in command],
                environment=self._environment(job, container, cluster, (role, pool, index)),
                folder=self._folder / f"custom-job-{number}.{role}-{index}",
                log=log,
            )
            job.processes.append(process)
            logs.append(log)
        limit = _seconds(spec.get("scheduling", {}).get("timeout"))
        codes = self._wait(job.processes, limit)
        if job.state == CANCELLED:
            return
        bad = [n for n, code in enumerate(codes) if code != 0]
        if bad:
            first = bad[0]
            role, _, index, _ = replicas[first]
            job.log = logs[first]
            job.error = f"{role} {index} {told(codes[first], limit)}: {tail(logs[first], 3)}"
        job.state = FAILED if bad else SUCCEEDED

    def _wait(self, processes: list[subprocess.Popen[bytes]], limit: float | None) -> list[int]:
        """Waits for all replicas; when one fails or time is up, the others are ended."""
        deadline = None if limit is None else time.monotonic() + limit
        codes: list[int | None] = [None] * len(processes)
        while any(code is None for code in codes):
            codes = [process.poll() for process in processes]
            late = deadline is not None and time.monotonic() > deadline
            if late or any(code not in (None, 0) for code in codes):
                # In one order: what failed by itself keeps its code.
                codes = [(TIMED_OUT if late else 0) if code is None else code for code in codes]
                break
            time.sleep(_POLL_SECONDS)
        for process in processes:
            self._processes.end(process)
        return [code or 0 for code in codes]

    def _environment(
        self, job: Job, container: Json, cluster: Json, who: tuple[str, str, int]
    ) -> dict[str, str]:
        role, pool, index = who
        variables = {v["name"]: v.get("value", "") for v in container.get("env", ())}
        own = self._places.localise_all(variables)
        task = {"type": role, "index": index}
        members = {name: hosts for name, hosts in cluster["roles"].items() if name != "evaluator"}
        tf_config = {"cluster": members, "task": task, "environment": "cloud"}
        spec = {"cluster": cluster["pools"], "task": {"type": pool, "index": index},
                "environment": "cloud"}  # fmt: skip
        _, project, _, region, *_ = job.name.split("/")
        base = job.body["jobSpec"].get("baseOutputDirectory", {}).get("outputUriPrefix")
        outputs = {}
        if base:
            folder = self._places.localise(base).rstrip("/")
            outputs = {
                "AIP_MODEL_DIR": f"{folder}/model/",
                "AIP_CHECKPOINT_DIR": f"{folder}/checkpoints/",
                "AIP_TENSORBOARD_LOG_DIR": f"{folder}/logs/",
            }
        played = {
            "CLOUD_ML_JOB_ID": job.name.rpartition("/")[2],
            "CLOUD_ML_PROJECT_ID": project,
            "CLOUD_ML_REGION": region,
            "TF_CONFIG": json.dumps(tf_config),
            "CLUSTER_SPEC": json.dumps(spec),
        }
        return container_environment({**played, **outputs, **own}, redirect=False)


Replica = tuple[str, str, int, Json]  # role, pool's name, index, container's spec


def _replicas(pools: list[Json]) -> Iterator[Replica]:
    for number, pool in enumerate(pools):
        for index in range(int(pool.get("replicaCount", 1) or 0)):
            yield ROLES[number], f"workerpool{number}", index, pool["containerSpec"]


def _cluster(replicas: list[Replica]) -> Json:
    """Addresses by role, as in TF_CONFIG, and by pool, as in CLUSTER_SPEC."""
    roles: dict[str, list[str]] = {}
    pools: dict[str, list[str]] = {}
    for (role, pool, _, _), port in zip(replicas, _free_ports(len(replicas)), strict=True):
        roles.setdefault(role, []).append(f"127.0.0.1:{port}")
        pools.setdefault(pool, []).append(f"127.0.0.1:{port}")
    return {"roles": roles, "pools": pools}


def _free_ports(count: int) -> list[int]:
    """Ports that nobody listens at now."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


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
