"""Runs are filtered by date, metric, setting and state."""

import json
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from pipelines.cli import app
from pipelines.lineage.find.choose_runs import parse_condition, parse_day
from pipelines.lineage.verify.garbage import find_orphans
from pipelines.metadata.archive import Archive
from tests.pipelines.lineage.conftest import History
from tests.pipelines.lineage.mill import Mill


def listed(workdir: Path, *words: str) -> list[Any]:
    command = ["lineage", "list", *words, "--json", "--workdir", str(workdir)]
    result = CliRunner().invoke(app, command, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def ids(workdir: Path, *words: str) -> list[str]:
    return [row["run"] for row in listed(workdir, *words)]


def test_metrics_and_settings_choose_runs(history: History) -> None:
    work = history.workdir
    assert ids(work, "--where", "loss<3.9") == [history.repeated, history.changed]
    assert ids(work, "--where", "loss>=3.91", "--where", "blessed=true") == [history.first]
    assert ids(work, "--where", "trainer.learning_rate=5e-4", "--where", "loss>4") == [
        history.new_text
    ]
    assert ids(work, "--where", "trainer.steps=200") == [history.failed], "also without a metric"
    with pytest.raises(InputError, match=r"no run has such a metric or setting.*show latest"):
        ids(work, "--where", "los<3.9")


def test_a_word_that_no_run_can_have_is_refused(history: History) -> None:
    with pytest.raises(InputError, match=r"--only blesed: .*Did you mean blessed\?"):
        ids(history.workdir, "--only", "blesed")
    with pytest.raises(InputError, match=r"--only good: .* tiny\.$"):
        ids(history.workdir, "--only", "good")
    assert ids(history.workdir, "--only", "running") == [], "a state that no run is in"
    assert ids(history.workdir, "--only", history.first) == [history.first]


def test_dates_choose_runs(history: History) -> None:
    work = history.workdir
    today = datetime.now(tz=UTC).date().isoformat()
    assert ids(work, "--since", "2020-01-01", "--until", "2020-12-31") == []
    assert len(ids(work, "--since", "2020-01-01")) == 6
    assert len(ids(work, "--until", today)) == 6, "a day counts whole"
    with pytest.raises(InputError, match="--since yesterday: not a date"):
        ids(work, "--since", "yesterday")


def test_models_lists_only_runs_that_trained_a_model(history: History) -> None:
    assert ids(history.workdir, "--models") == [history.new_text, history.changed, history.first]


@pytest.mark.parametrize(
    ("text", "value"),
    [("loss<3.9", 3.9), ("a.b = 5e-4", 5e-4), ("x>=2", 2), ("form!=static", "static")],
)
def test_a_condition_is_a_name_a_sign_and_a_value(text: str, value: object) -> None:
    assert parse_condition(text).value == value


@pytest.mark.parametrize(
    "text", ["loss", "<3", "loss<", "loss < [", "a b=3", "loss<<5", "loss==5", "loss=<5", "loss<>5"]
)
def test_an_invalid_condition_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="--where"):
        parse_condition(text)


def test_dates_are_read_as_utc() -> None:
    assert parse_day("1970-01-02", "--since") == 86400
    assert parse_day("1970-01-02", "--until", end=True) == 2 * 86400
    assert parse_day("1970-01-01T01:00Z", "--since") == 3600


def test_a_resolver_is_not_counted_as_work(history: History) -> None:
    (first,) = [row for row in listed(history.workdir) if row["run"] == history.first]
    assert first["nodes"] == {"ran": 9}


def test_a_run_in_progress_is_running_and_a_killed_run_is_interrupted(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    holder = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    since = datetime.now(tz=UTC).isoformat(timespec="seconds")
    holder_file = {"pid": holder.pid, "host": socket.gethostname(), "since": since}
    (tmp_path / ".holder.json").write_text(json.dumps(holder_file), encoding="utf-8")
    run = mill.run(killed_at="Trainer")
    (trainer,) = [e for e in Archive(tmp_path).graph.executions.values() if e.node_id == "Trainer"]
    (tmp_path / f"artifacts/tiny/Trainer/model/{trainer.id}").mkdir(parents=True)
    try:
        (row,) = listed(tmp_path)
        assert (row["run"], row["state"]) == (run, "running")
        assert row["nodes"]["running"] == 1
        assert ids(tmp_path, "--only", "running") == [run]
        assert find_orphans(Archive(tmp_path)) == []
    finally:
        holder.kill()
        holder.wait()
    (row,) = listed(tmp_path)
    assert row["state"] == "interrupted"
    assert row["nodes"]["interrupted"] == 1
    assert len(find_orphans(Archive(tmp_path))) == 1
