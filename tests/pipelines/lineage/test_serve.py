"""The live page is served to this machine only: one path, GET only, loopback hosts only."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import InputError
from pipelines.lineage.page.render import make_server
from pipelines.metadata.read_store import StoreError
from tests.pipelines.lineage.conftest import History


@pytest.fixture(scope="module")
def port(history: History) -> Iterator[int]:
    with make_server(history.workdir, 0, 200) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def ask(
    port: int, method: str = "GET", path: str = "/", host: str | None = None
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, headers={"Host": host or f"127.0.0.1:{port}"})
    return connection.getresponse()


def test_the_page_is_served_with_headers_that_isolate_it(port: int, history: History) -> None:
    answer = ask(port)
    assert answer.status == 200
    assert history.changed in answer.read().decode()
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in answer.headers
    assert ask(port, host=f"localhost:{port}").status == 200


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1", "127.0.0.1.x:1"])
def test_another_host_is_refused(port: int, host: str) -> None:
    answer = ask(port, host=host)
    assert answer.status == 403
    assert b"run" not in answer.read()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_only_get_requests_are_answered(port: int, method: str) -> None:
    assert ask(port, method).status == 501


@pytest.mark.parametrize("path", ["/metadata.sqlite", "/../metadata.sqlite", "//etc", "/?x=1"])
def test_no_path_is_used_as_a_file_name(port: int, path: str) -> None:
    assert ask(port, path=path).status == 404


def test_it_listens_on_loopback_and_reports_errors(
    port: int, history: History, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"--port .* Give another port, or 0"):
        make_server(history.workdir, port, 200)
    with pytest.raises(StoreError):
        make_server(tmp_path, 0, 200)
    with make_server(history.workdir, 0, 200) as other:
        assert other.server_address[0] == "127.0.0.1"
