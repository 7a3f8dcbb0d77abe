"""Serve the page of the live store to this machine only: `textmill lineage serve`.

The server answers only GET requests on loopback whose Host header names loopback too. This refuses
requests under another name that resolves to 127.0.0.1 (DNS rebinding).
"""

import http.server
from collections.abc import Callable
from pathlib import Path

from core.errors import InputError, printable
from pipelines.lineage.page.render import render_page
from pipelines.metadata.archive import Archive

LOOPBACK = "127.0.0.1"
HOSTS = {LOOPBACK, "localhost"}
HEADERS = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
Page = Callable[[], bytes]


def make_server(workdir: Path, port: int, most: int) -> http.server.ThreadingHTTPServer:
    """Return the server, bound but not started. It renders the page again for each request.

    Args:
        workdir: folder of the store.
        port: port to bind; 0 chooses a free one.
        most: maximum number of runs on the page.

    Raises:
        StoreError: there is no store.
        InputError: the port is in use.
    """
    Archive(workdir)  # raises now instead of at the first request

    def page() -> bytes:
        return render_page(Archive(workdir), workdir, most).encode()

    class Handler(LineageHandler):
        make_page = staticmethod(page)

    try:
        return http.server.ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror}. Give another port, or 0.") from error


class LineageHandler(http.server.BaseHTTPRequestHandler):
    """Handle requests for `/` and refuse all others. No path is ever used as a file name."""

    make_page: Page
    server_version, sys_version = "Textmill", ""
    timeout = 30  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        """Send the page."""
        if not self._is_local():
            self._answer(403, b"This server only answers requests to localhost.\n")
        elif self.path != "/":
            self._answer(404, b"The only page is /\n")
        else:
            try:
                content = self.make_page()
            except InputError as error:
                self._answer(500, f"{printable(str(error))}\n".encode())
            else:
                self._answer(200, content, "text/html; charset=utf-8")

    def log_message(self, *_: object) -> None:
        """Log nothing, so that the terminal keeps showing the address."""

    def _is_local(self) -> bool:
        _, port = self.connection.getsockname()
        return self.headers.get("Host", "") in {f"{host}:{port}" for host in HOSTS}

    def _answer(self, status: int, content: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
