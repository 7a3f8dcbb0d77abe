"""Serve the emulated services over HTTP, with injected faults and a record of requests."""

import json
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.vertex_server import (
    custom_jobs,
    google_apis,
    metadata,
    models,
    pipeline_jobs,
    resources,
    schedules,
)
from tests.vertex_server.filters import FilterError
from tests.vertex_server.resources import Call, Refusal, dump

ROUTES = (
    *pipeline_jobs.ROUTES,
    *schedules.ROUTES,
    *custom_jobs.ROUTES,
    *metadata.ROUTES,
    *models.ROUTES,
    *google_apis.ROUTES,
    *resources.ROUTES,
)
# The collections of Vertex AI, whose names hold the number of the project.
NAMES = re.compile(
    r"projects/(?!\d+/)[^/]+(?=/locations/[^/]+/"
    r"(?:pipelineJobs|schedules|customJobs|metadataStores|models|tensorboards)\b)"
)
# The services that an endpoint with {service} names, as the first part of the path.
SERVICE = re.compile(r"/(?P<service>(?!v1/|v2/|ui/|storage/v1/|token)[a-z0-9-]+)(?P<path>/.+)")

SILENCE_SECONDS = 20.0  # then the connection ends, so that a call without a deadline fails its test


@dataclass
class Fault:
    """An error to answer instead, a given number of times."""

    method: str
    path: re.Pattern[str]
    status: int
    message: str
    headers: dict[str, str]
    times: int
    details: list[Mapping[str, Any]]
    body: str | None  # sent unchanged, even if it is not JSON


@dataclass
class Services(
    pipeline_jobs.PipelineJobs,
    schedules.Schedules,
    custom_jobs.CustomJobs,
    metadata.Metadata,
    models.Models,
    google_apis.GoogleApis,
    resources.Operations,
):
    """The state of all services; tests read and modify it."""

    received: list[Call] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    silent: list[tuple[str, str]] = field(default_factory=list)  # methods and paths not answered
    stopped: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)


class VertexServer(Services):
    """An emulator of Vertex AI on a free port of 127.0.0.1, in a thread; a context manager.

    Connect a client with transport="rest" and api_endpoint=server.url, or the command line with
    TEXTMILL_VERTEX_ENDPOINT.
    """

    def __init__(self, tls: tuple[str, str] | None = None) -> None:
        """Listen with TLS if given the paths of a certificate for localhost and its key."""
        super().__init__()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _handler_of(self))
        self._http.daemon_threads = True
        port = self._http.server_address[1]
        self.url = f"http://127.0.0.1:{port}"  # of every service
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*tls)
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
            self.url = f"https://localhost:{port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.02,), daemon=True)

    @property
    def endpoint(self) -> str:
        """The address with a place for the service, whose requests must be those of its host."""
        return f"{self.url}/{{service}}"

    def __enter__(self) -> "VertexServer":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def fault(
        self,
        method: str,
        path: str,
        status: int,
        message: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        times: int = 1,
        details: list[Mapping[str, Any]] | None = None,
        body: str | None = None,
    ) -> None:
        """Answer the next `times` requests whose path matches `path` with this error."""
        self.faults.append(
            Fault(
                method,
                re.compile(path),
                status,
                message,
                dict(headers or {}),
                times,
                details or [],
                body,
            )
        )

    def silence(self, method: str, path: str) -> None:
        """Accept requests whose path matches `path`, and never answer them."""
        self.silent.append((method, path))

    def calls(self, method: str, path: str) -> list[Call]:
        """Return the received requests of a method whose path matches `path`."""
        return [
            call for call in self.received if call.method == method and re.search(path, call.path)
        ]

    def answer(self, call: Call) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body for one request."""
        with self.lock:
            self.received.append(call)
            for fault in self.faults:
                if fault.times and fault.method == call.method and fault.path.search(call.path):
                    fault.times -= 1
                    content = Refusal(fault.status, fault.message, details=fault.details).content
                    body = json.dumps(content) if fault.body is None else fault.body
                    return fault.status, fault.headers, body
            try:
                result = self._handle(call)
                return 200, {}, result if isinstance(result, str) else json.dumps(result)
            except Refusal as refusal:
                return refusal.code, refusal.headers, json.dumps(refusal.content)
            except FilterError as error:
                return 400, {}, json.dumps(Refusal(400, f"Invalid filter: {error}.").content)

    def _handle(self, call: Call) -> Any:
        service, call = call.service, self._with_numbers(call)
        for method, pattern, handler in ROUTES:
            match = re.fullmatch(pattern, call.path)
            if match and method == call.method:
                host = google_apis.HOSTS.get(handler, r"[a-z]+-[a-z]+\d-aiplatform")
                if service and not re.fullmatch(host, service):
                    raise Refusal(404, f"{service}.googleapis.com does not serve {call.path}.")
                numbers = "enum-encoding=int" in call.one("$alt")
                result = handler(self, call, **match.groupdict())
                return result if isinstance(result, dict | str) else dump(result, numbers=numbers)
        raise Refusal(501, f"This server does not know {call.method} {call.path}.")

    def _with_numbers(self, call: Call) -> Call:
        """Return the request with the project's number in names, as the service writes them."""
        content = json.dumps([call.path, call.query, call.body])
        path, query, body = json.loads(NAMES.sub(f"projects/{self.project_number}", content))
        return replace(call, path=path, query=query, body=body)


def _handler_of(server: VertexServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _serve(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            sent = self.rfile.read(length)
            is_json = "json" in self.headers.get("Content-Type", "")
            path = unquote(parts.path)
            prefix = SERVICE.fullmatch(path)
            call = Call(
                method=self.command,
                service=prefix["service"] if prefix else "",
                path=prefix["path"] if prefix else path,
                query=parse_qs(parts.query),
                headers={name.lower(): value for name, value in self.headers.items()},
                body=json.loads(sent) if sent and is_json else sent.decode() or None,
            )
            if any(call.method == m and re.search(p, call.path) for m, p in server.silent):
                server.stopped.wait(SILENCE_SECONDS)
                self.close_connection = True
                return
            status, headers, text = server.answer(call)
            content = text.encode()
            self.send_response(status)
            for name, value in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = do_PUT = _serve

        def log_message(self, *_: object) -> None:
            """Log nothing."""

    return Handler
