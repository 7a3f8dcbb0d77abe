"""Render the page as one HTML file that uses no network, and serve it to this machine only.

The server answers only GET requests on loopback whose Host header names loopback too. This refuses
requests under another name that resolves to 127.0.0.1 (DNS rebinding).
"""

import base64
import hashlib
import http.server
import json
from collections.abc import Callable
from pathlib import Path

import jinja2
from markupsafe import Markup

from core.errors import InputError, printable
from pipelines.lineage.find.show import Plain
from pipelines.lineage.page.contents import page_contents
from pipelines.metadata.archive import Archive

HERE = Path(__file__).parent
SCRIPTS = ("elements.js", "tasks.js", "runs.js", "graph.js", "details.js", "compare.js", "start.js")
# The data block is not run, but "</script" would end it, and "<!--" would confuse the parser.
UNSAFE = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
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


def render_page(archive: Archive, beside: Path, limit: int) -> str:
    """Render the page of the newest runs; links to files are relative to the folder `beside`.

    Returns:
        HTML. Its content security policy allows only our script and our style, and no network.
        The script inserts text as text nodes, never as HTML.
    """
    style = (HERE / "lineage.css").read_text(encoding="utf-8")
    script = "\n".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("lineage.html.j2").render(
        style=Markup(style),  # noqa: S704 - our own file
        script=Markup(script),  # noqa: S704 - our own files
        data=Markup(as_data(page_contents(archive, beside, limit))),  # noqa: S704 - see as_data
        style_digest=_digest(style),
        script_digest=_digest(script),
    )


def as_data(contents: Plain) -> str:
    """Return JSON that is safe between <script> tags: all special characters are escaped."""
    text = json.dumps(contents, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character, escaped in UNSAFE.items():
        text = text.replace(character, escaped)
    return text


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def make_server(workdir: Path, port: int, limit: int) -> http.server.ThreadingHTTPServer:
    """Return the server, bound but not started. It renders the page again for each request.

    Port 0 stands for a free one.

    Raises:
        StoreError: there is no store.
        InputError: the port is in use.
    """
    Archive(workdir)  # raises now instead of at the first request

    def page() -> bytes:
        return render_page(Archive(workdir), workdir, limit).encode()

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
        _, port = self.connection.getsockname()
        if self.headers.get("Host", "") not in {f"{host}:{port}" for host in HOSTS}:
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

    def _answer(self, status: int, content: bytes, kind: str = "text/plain") -> None:
        self.send_response(status)
        for name, value in HEADERS.items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
