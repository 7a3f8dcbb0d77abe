"""Who runs this: the environment's name, Vertex AI's service account, or the user."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from core.provenance import VERTEX_TASK, current_user

ACCOUNT = "textmill-run@acme-nlp.iam.gserviceaccount.com"


class Metadata(BaseHTTPRequestHandler):
    """The part of Google's metadata server that names the account."""

    def do_GET(self) -> None:
        is_right = self.path == "/computeMetadata/v1/instance/service-accounts/default/email"
        self.send_response(200 if is_right and "Metadata-Flavor" in self.headers else 404)
        self.end_headers()
        self.wfile.write(ACCOUNT.encode())

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def metadata(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with HTTPServer(("127.0.0.1", 0), Metadata) as server:
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        monkeypatch.setenv("GCE_METADATA_HOST", f"127.0.0.1:{server.server_port}")
        yield
        server.shutdown()


def test_a_task_on_vertex_ai_is_its_service_account(
    metadata: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TEXTMILL_USER", raising=False)
    assert current_user() != ACCOUNT, "elsewhere the metadata server is not asked"
    monkeypatch.setenv(VERTEX_TASK, "{}")
    assert current_user() == ACCOUNT
    monkeypatch.setenv("TEXTMILL_USER", "the weekly job")
    assert current_user() == "the weekly job"


def test_an_unreachable_metadata_server_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEXTMILL_USER", raising=False)
    monkeypatch.setenv(VERTEX_TASK, "{}")
    monkeypatch.setenv("GCE_METADATA_HOST", "127.0.0.1:9")
    assert current_user()
