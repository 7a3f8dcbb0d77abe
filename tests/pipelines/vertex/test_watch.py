"""Tests of watching a run: on a terminal, and after Ctrl-C."""

import io

import pytest
from google.auth.credentials import AnonymousCredentials
from rich.console import Console

from core.exit import INTERRUPTED
from pipelines.cloud.client import Cloud
from pipelines.cloud.target import make_target
from pipelines.vertex.runs import watch as watching
from pipelines.vertex.runs.describe import state_name
from pipelines.vertex.runs.watch import watch
from tests.pipelines.vertex.conftest import PROJECT, REGION, TEXT, Textmill
from tests.vertex_server import VertexServer


@pytest.mark.parametrize(
    ("terminal", "shown"), [("xterm", "Run one: running"), ("dumb", "Pusher succeeded")]
)
def test_a_terminal_shows_a_live_table_if_it_can_draw_one(
    server: VertexServer,
    textmill: Textmill,
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
    terminal: str,
    shown: str,
) -> None:
    monkeypatch.setenv("TERM", terminal)
    textmill("submit", spec, *TEXT, "--run-id", "one")
    cloud = Cloud(make_target(PROJECT, REGION, server.url), AnonymousCredentials())
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=100, height=60)
    (name,) = server.pipeline_jobs
    job = watch(cloud, name, console, poll_seconds=0.1)
    assert state_name(job.state) == "succeeded"
    assert shown in screen.getvalue()
    assert "TextExampleGen" in screen.getvalue()


def test_ctrl_c_leaves_the_run_running_and_says_how_to_continue(
    server: VertexServer,
    textmill: Textmill,
    spec: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(watching.time, "sleep", interrupt)
    ended = textmill("submit", spec, *TEXT, "--run-id", "one", "--watch")
    assert ended.code == INTERRUPTED
    message = " ".join(ended.err.split())
    assert "The run continues. Cancel it with `textmill runs cancel one`" in message
    assert server.calls("POST", ":cancel") == []
