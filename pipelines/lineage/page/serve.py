"""The live store as a page on this machine alone: `textmill lineage serve`.

GET only, on loopback, and only where the Host header names loopback too: a page of a stranger's
name that resolves to 127.0.0.1 is refused (DNS rebinding).
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
    """The server, bound and not yet at work; the page is made anew for each request.

    Args:
        workdir: the folder of the store.
        port: 0 takes a free one.
        most: at most so many runs on the page.

    Raises:
        StoreError: there is no store.
        InputError: the port is taken.
    """
    Archive(workdir)  # told now, and not to the first reader

    def page() -> bytes:
        return render_page(Archive(workdir), workdir, most).encode()

    class Handler(LineageHandler):
        make_page = staticmethod(page)

    try:
        return http.server.ThreadingHTTPServer((LOOPBACK, port), Handler)
    except OSError as error:
        raise InputError(f"--port {port}: {error.strerror}. Give another, or 0.") from error


class LineageHandler(http.server.BaseHTTPRequestHandler):
    """Answers `/` and nothing else; no path of a request ever names a file."""

    make_page: Page
    server_version, sys_version = "Textmill", ""
    timeout = 30  # seconds that a silent connection is kept

    def do_GET(self) -> None:
        """The page."""
        if not self._is_local():
            self._answer(403, b"This server answers to localhost alone.\n")
        elif self.path != "/":
            self._answer(404, b"There is one page here: /\n")
        else:
            try:
                content = self.make_page()
            except InputError as error:
                self._answer(500, f"{printable(str(error))}\n".encode())
            else:
                self._answer(200, content, "text/html; charset=utf-8")

    def log_message(self, *_: object) -> None:
        """Says nothing: the terminal is for the address."""

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
