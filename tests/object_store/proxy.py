"""Put a TLS proxy in front of the emulator: log each request, delay it, and inject faults.

Clients reach it by `https_proxy`: it answers CONNECT, ends TLS with a certificate of a test
authority for `*.googleapis.com`, and forwards to the emulator. Two requests that the emulator
answers unlike the real service are answered here: batches, and the status of an upload
(https://cloud.google.com/storage/docs/performing-resumable-uploads#status-check).
"""

import http.client
import json
import random
import re
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

STATUS_FAULTS = ("429", "500", "503")
REFUSALS = ("401", "403", "404")  # no retry helps
FAULTS = (*STATUS_FAULTS, "reset-before", "reset-after", "cut-body")
STALL = "stall"  # never answered, and not in FAULTS: its client has to be killed
TOKEN = json.dumps({"access_token": "fake", "expires_in": 3600, "token_type": "Bearer"}).encode()
# Headers of one connection, not of the message, and those that the proxy sets itself.
_OWN_HEADERS = {
    "accept-encoding", "connection", "content-length", "expect", "host", "proxy-connection",
    "transfer-encoding",
}  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A request as the log keeps it."""

    method: str
    path: str  # with its query
    status: int  # 0: the connection was reset instead
    sent_bytes: int  # by the client
    received_bytes: int  # by the client
    fault: str = ""  # one of FAULTS, REFUSALS, or STALL

    @property
    def kind(self) -> str:
        """What the request does: list, stat, read, upload, delete, copy or other."""
        if self.method == "GET":
            if re.search(r"/o\?|/o$", self.path):
                return "list"
            is_content = "alt=media" in self.path or not self.path.startswith("/storage/v1")
            return "read" if is_content else "stat"
        if "rewriteTo" in self.path or "copyTo" in self.path:
            return "copy"
        kinds = {"POST": "upload", "PUT": "upload", "DELETE": "delete"}
        return kinds.get(self.method, "other")


@dataclass
class Faults:
    """Which requests fail, and how; change it while the proxy runs."""

    rate: float = 0.0  # share of requests that fail
    kinds: tuple[str, ...] = FAULTS
    matching: str = ""  # only requests whose decoded path matches this expression
    method: str = ""  # only requests of this method
    limit: int | None = None  # number of faults; None: without end
    seed: int = 7
    delay_seconds: float = 0.0  # added to each request
    _random: random.Random = field(init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        """Seed the draws."""
        self._random = random.Random(self.seed)  # noqa: S311 - repeatable faults, no secret

    def draw(self, method: str, path: str) -> str:
        """Return the fault of the next request, or an empty string."""
        if not self.rate or (self.method and method != self.method):
            return ""
        if self.matching and not re.search(self.matching, unquote(path)):
            return ""
        with self._lock:
            is_hit = self._random.random() < self.rate and self.limit != 0
            if is_hit and self.limit is not None:
                self.limit -= 1
            return self._random.choice(self.kinds) if is_hit else ""


class Proxy(ThreadingHTTPServer):
    """Answer CONNECT for the hosts of Google's APIs, and serve their requests from the emulator."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, emulator_port: int, context: ssl.SSLContext) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.emulator_port = emulator_port
        self.context = context
        self.faults = Faults()
        self.requests: list[Request] = []
        self.finished_uploads: dict[str, bytes] = {}  # by upload id: the answer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that went away: killing them is what the tests do."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Proxy

    def do_CONNECT(self) -> None:
        host = self.path.partition(":")[0]
        if not host.endswith("googleapis.com"):
            self.send_error(403, f"{host} is not served here")
            return
        self.wfile.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        self.connection = self.server.context.wrap_socket(self.connection, server_side=True)
        self.rfile = self.connection.makefile("rb", -1)
        self.wfile = _Writer(self.connection)  # type: ignore[assignment]
        self.close_connection = False

    def do_GET(self) -> None:
        content = self._read_body()
        if self.server.faults.delay_seconds:
            time.sleep(self.server.faults.delay_seconds)
        self.named_path = _named_path(self.path, content)
        fault = self.server.faults.draw(self.command, self.named_path)
        if fault.isdecimal():
            answer = json.dumps({"error": {"code": int(fault), "message": "injected"}}).encode()
            self._log(int(fault), content, answer, fault)
            self._send(int(fault), [("Content-Type", "application/json")], answer)
            return
        if fault == STALL:
            self._log(0, content, b"", fault)
            self.connection.recv(1)  # until the client goes away
            self._reset()
            return
        if fault == "reset-before":
            self._log(0, content, b"", fault)
            self._reset()
            return
        status, headers, answer = self._answer(content)
        if fault == "reset-after":
            self._log(0, content, b"", fault)
            self._reset()
            return
        self._log(status, content, answer, fault if fault == "cut-body" and len(answer) > 1 else "")
        if fault == "cut-body" and len(answer) > 1:
            self._send(status, headers, answer, sent=len(answer) // 2)
            self._reset()
            return
        self._send(status, headers, answer)

    do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet; `Proxy.requests` is the log."""

    def _answer(self, content: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        if is_token_request(self.path):
            return 200, [("Content-Type", "application/json")], TOKEN
        if self.path.startswith("/batch"):
            return self._answer_batch(content)
        upload = re.search(r"upload_id=([^&]+)", self.path)
        if upload and self.headers.get("Content-Range", "").startswith("bytes */"):
            done = self.server.finished_uploads.get(upload[1])
            return (308, [], b"") if done is None else (200, [], done)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in _OWN_HEADERS
        }
        status, answered, answer = self._forward(self.command, self.path, headers, content)
        if upload and self.command == "PUT" and status == http.client.OK:
            self.server.finished_uploads[upload[1]] = answer
        return status, answered, answer

    def _forward(
        self, method: str, path: str, headers: dict[str, str], content: bytes
    ) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.emulator_port, timeout=60)
        host = self.headers.get("Host", "storage.googleapis.com")
        named = {**headers, "Host": host, "X-Forwarded-Proto": "https"}
        connection.request(method, path, body=content, headers=named)
        response = connection.getresponse()
        answer = response.read()
        kept = [
            (name, value.replace("http://", "https://") if name == "Location" else value)
            for name, value in response.getheaders()
            if name.lower() not in _OWN_HEADERS or (method == "HEAD" and name == "Content-Length")
        ]
        connection.close()
        return response.status, kept, answer

    def _answer_batch(self, content: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        boundary = self.headers["Content-Type"].partition("boundary=")[2].strip('"; ').encode()
        answers = []
        for number, (method, path, part) in enumerate(_batch_parts(content, boundary)):
            json_type = {"Content-Type": "application/json"}
            status, _, answer = self._forward(method, path, json_type, part)
            if method == "DELETE" and status == http.client.OK:
                status, answer = 204, b""
            self.server.requests.append(Request(method, path, status, len(part), len(answer)))
            head = (
                f"--answers\r\nContent-Type: application/http\r\n"
                f"Content-ID: <response-{number}>\r\n\r\n"
                f"HTTP/1.1 {status} {http.client.responses.get(status, '')}\r\n"
                f"Content-Type: application/json; charset=UTF-8\r\n"
                f"Content-Length: {len(answer)}\r\n\r\n"
            )
            answers.append(head.encode() + answer + b"\r\n")
        body = b"".join(answers) + b"--answers--\r\n"
        return 200, [("Content-Type", "multipart/mixed; boundary=answers")], body

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        chunks = []
        while size := int(self.rfile.readline().partition(b";")[0], 16):
            chunks.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(chunks)

    def _send(
        self, status: int, headers: list[tuple[str, str]], content: bytes, sent: int | None = None
    ) -> None:
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Status')}"]
        lines += [f"{name}: {value}" for name, value in headers]
        if self.command != "HEAD":
            lines.append(f"Content-Length: {len(content)}")
        body = b"" if self.command == "HEAD" else content[:sent]
        self.wfile.write("\r\n".join([*lines, "", ""]).encode("latin1") + body)

    def _log(self, status: int, content: bytes, answer: bytes, fault: str) -> None:
        sizes = len(content), len(answer)
        request = Request(self.command, self.named_path, status, *sizes, fault)
        self.server.requests.append(request)

    def _reset(self) -> None:
        """End the connection with a reset, as a network does that fails."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.close()


class _Writer:
    """Write to a socket at once, as socketserver's own writer does."""

    def __init__(self, connection: ssl.SSLSocket) -> None:
        self._connection = connection
        self.closed = False

    def write(self, content: bytes) -> int:
        self._connection.sendall(content)
        return len(content)

    def flush(self) -> None:
        """Do nothing: nothing is buffered."""

    def close(self) -> None:
        self.closed = True


def _named_path(path: str, content: bytes) -> str:
    """Return the path with the object's name, which a multipart upload has in its body."""
    name = re.search(rb'"name": ?"([^"]+)"', content[:4096])
    return f"{path}&name={name[1].decode()}" if name and "uploadType=multipart" in path else path


def is_token_request(path: str) -> bool:
    """Return whether a client asks for its token, as it does before its first request."""
    return urlsplit(path).path.endswith("/token")


def _batch_parts(content: bytes, boundary: bytes) -> Iterator[tuple[str, str, bytes]]:
    """Yield method, path and body of each request in a batch."""
    for part in content.split(b"--" + boundary)[1:-1]:
        _, _, request = part.lstrip().replace(b"\r\n", b"\n").partition(b"\n\n")
        head, _, body = request.partition(b"\n\n")
        method, target = head.decode().strip().split("\n")[0].split()[:2]
        url = urlsplit(target)
        yield method, url.path + (f"?{url.query}" if url.query else ""), body.rstrip(b"\n")


class MetadataServer(ThreadingHTTPServer):
    """Play the metadata server of a Google Cloud machine, which gives clients their tokens."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _MetadataHandler)


class _MetadataHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ANSWERS = (
        ("/token", TOKEN),
        ("project/project-id", b"textmill-test"),
        ("/email", b"tests@textmill-test"),
        ("/zone", b"projects/1/zones/us-central1-a"),
        ("recursive=true",  # of a service account, named "default" or by its address
         json.dumps({"email": "tests@textmill-test", "aliases": ["default"],
                     "scopes": ["https://www.googleapis.com/auth/cloud-platform"]}).encode()),
    )  # fmt: skip

    def do_GET(self) -> None:
        answer = next((body for key, body in self.ANSWERS if key in self.path), b"")
        self.send_response(200)
        is_json = answer.startswith(b"{")
        self.send_header("Content-Type", "application/json" if is_json else "text/plain")
        self.send_header("Metadata-Flavor", "Google")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal quiet."""
