"""The end of a run is reported to a topic and a webhook, whose address stays a secret."""

import base64
import json
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import google.auth
import pytest
from google.auth.credentials import AnonymousCredentials

from components.run_record import notify as notifications
from components.run_record.executor import Executor
from components.run_record.notify import NotificationError

RUN = "projects/1/locations/us-central1/pipelineJobs/weekly-20261124"
TOPIC, SECRET = "projects/acme/topics/runs", "projects/acme/secrets/chat/versions/latest"


class Services(HTTPServer):
    """Pub/Sub, Secret Manager and a chat, which keep what they are sent."""

    status = 200
    sent: list[tuple[str, Any]]


class Handler(BaseHTTPRequestHandler):
    """Answers for all three."""

    server: Services

    def _answer(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        self.server.sent.append((self.path, json.loads(self.rfile.read(size) or b"null")))
        address = f"http://127.0.0.1:{self.server.server_port}/chat/canary-address"
        payload = {"payload": {"data": base64.b64encode(address.encode()).decode()}}
        is_refused = self.server.status != 200 and "secrets" not in self.path
        self.send_response(self.server.status if is_refused else 200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(payload).encode())

    do_GET = do_POST = _answer

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[Services]:
    with Services(("127.0.0.1", 0), Handler) as server:
        server.sent = []
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(notifications, "PUBSUB", url)
        monkeypatch.setattr(notifications, "SECRETS", url)
        monkeypatch.setattr(google.auth, "default", lambda **_: (AnonymousCredentials(), None))
        yield server
        server.shutdown()


def end(root: Path, state: str, *, topic: str = "", webhook_secret: str = "") -> None:
    error = {"code": 9, "message": "The DAG failed."} if state == "FAILED" else {}
    status = {"state": state, "pipelineJobResourceName": RUN, "error": error}
    given = {"final_status": json.dumps(status), "record_root": f"{root}/runs", "recipe": "weekly"}
    Executor().Do({}, {}, {**given, "topic": topic, "webhook_secret": webhook_secret})


def publish(root: Path, content: dict[str, Any]) -> None:
    folder = root / "artifacts/1/weekly-20261124/Pusher_-77/pushed_model"
    folder.mkdir(parents=True)
    (folder / "published.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("state", "published", "text"),
    [
        ("FAILED", None, "weekly: the run weekly-20261124 failed: The DAG failed."),
        ("SUCCEEDED", {"pushed": True, "version": "1763862000"},
         "weekly: the run weekly-20261124 published version 1763862000."),
        ("SUCCEEDED", {"pushed": False, "reason": "the model was not blessed: loss 3.1"},
         "weekly: the run weekly-20261124 published nothing: the model was not blessed: loss 3.1"),
        ("SUCCEEDED", None, "weekly: the run weekly-20261124 succeeded; its model came from the "
         "cache."),
    ],
)  # fmt: skip
def test_a_topic_and_a_webhook_get_a_report_of_how_a_run_ended(
    services: Services, tmp_path: Path, state: str, published: dict[str, Any] | None, text: str
) -> None:
    if published:
        publish(tmp_path, published)
    end(tmp_path, state, topic=TOPIC, webhook_secret=SECRET)
    (topic, message), (secret, _), (chat, posted) = services.sent
    assert (topic, secret) == (f"/v1/{TOPIC}:publish", f"/v1/{SECRET}:access")
    assert chat == "/chat/canary-address"
    data = json.loads(base64.b64decode(message["messages"][0]["data"]))
    assert data == posted
    assert (posted["text"], posted["state"]) == (text, state)


def test_without_a_place_nothing_is_sent(services: Services, tmp_path: Path) -> None:
    end(tmp_path, "SUCCEEDED")
    assert services.sent == []


@pytest.mark.parametrize("place", [{"topic": TOPIC}, {"webhook_secret": SECRET}])
def test_a_refused_message_is_an_error_without_the_address(
    services: Services, tmp_path: Path, place: dict[str, str]
) -> None:
    services.status = 403
    with pytest.raises(NotificationError, match=r"Cannot notify .*\(403\)") as refused:
        end(tmp_path, "FAILED", **place)
    assert "canary-address" not in str(refused.value)
    assert (tmp_path / "runs/weekly-20261124/run.json").is_file(), "the record comes first"


def test_a_topic_that_never_answers_is_an_error_after_the_record_is_written(
    services: Services, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(notifications, "TIMEOUT_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}"
        monkeypatch.setattr(notifications, "PUBSUB", url)
        with pytest.raises(NotificationError, match=r"Cannot notify .* \(ReadTimeout\)"):
            end(tmp_path, "FAILED", topic=TOPIC)
    assert (tmp_path / "runs/weekly-20261124/run.json").is_file()
