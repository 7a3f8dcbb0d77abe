"""The lineage of real runs: BERT twice with one setting changed, a cached run, and a killed one."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

TOP = Path(__file__).parents[3]
TEXT = TOP / "tests/data/language_reference.txt"
RECIPE = str(TOP / "tests/pipelines/tiny.yaml")
pytestmark = pytest.mark.slow


class Runs(NamedTuple):
    """Run ids in a workdir."""

    workdir: Path
    first: str
    changed: str
    repeated: str
    killed: str


def textmill_run(workdir: Path, text: Path, *settings: str) -> str:
    """One run in a process of its own, as a person's; returns its id."""
    _start(workdir, text, *settings).wait()
    return max(path.name for path in (workdir / "runs").iterdir())


def _start(workdir: Path, text: Path, *settings: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pipelines.cli", "run", RECIPE, "--text", str(text)]
    command += ["--workdir", str(workdir)]
    command += [word for setting in settings for word in ("--set", setting)]
    return subprocess.Popen(command, cwd=TOP, stderr=subprocess.DEVNULL)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    workdir = tmp_path_factory.mktemp("real") / "work"
    text = workdir.parent / "text.txt"
    shutil.copy(TEXT, text)
    first = textmill_run(workdir, text)
    changed = textmill_run(workdir, text, "trainer.learning_rate=0.005")
    repeated = textmill_run(workdir, text, "trainer.learning_rate=0.005")
    before = set(workdir.glob("checkpoints/tiny/*"))
    process = _start(workdir, text, "trainer.steps=100000")
    deadline = time.monotonic() + 300
    while not set(workdir.glob("checkpoints/tiny/*")) - before:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.2)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = max(path.name for path in (workdir / "runs").iterdir())
    return Runs(workdir, first, changed, repeated, killed)


def ask(*words: str, workdir: Path) -> Any:
    command = ["lineage", *words, "--json", "--workdir", str(workdir)]
    return json.loads(CliRunner().invoke(app, command, catch_exceptions=False).output)


def test_list_tells_how_each_run_ended(runs: Runs) -> None:
    rows = {row["run"]: row for row in ask("list", workdir=runs.workdir)}
    assert [rows[run]["state"] for run in runs[1:]] == [
        "succeeded", "succeeded", "succeeded", "interrupted",
    ]  # fmt: skip
    assert rows[runs.repeated]["reused"]
    assert rows[runs.first]["loss"] != rows[runs.changed]["loss"]


def test_diff_names_the_one_setting(runs: Runs) -> None:
    told = ask("diff", runs.first, runs.changed, workdir=runs.workdir)
    assert [change["name"] for change in told["settings"]] == ["trainer.learning_rate"]
    sentence = told["sentence"]
    assert sentence.startswith("same text and code; `trainer.learning_rate` 0.001 → 0.005; loss ")
    told = ask("diff", runs.changed, runs.repeated, workdir=runs.workdir)
    assert told["sentence"] == "same text, code and settings; both stand for one model"


def test_show_follows_a_published_model_to_its_text(runs: Runs) -> None:
    (row,) = [r for r in ask("list", workdir=runs.workdir) if r["run"] == runs.changed]
    told = ask("show", row["published"], workdir=runs.workdir)
    assert [link["noun"] for link in told["chain"]] == [
        "model", "instances", "documents", "vocabulary",
    ]  # fmt: skip
    assert {link["made_by"]["run"] for link in told["chain"][1:]} == {runs.first}
    assert told["made_by"]["commit"]


def test_verify_finds_nothing_until_a_bit_is_turned(runs: Runs) -> None:
    assert ask("verify", workdir=runs.workdir)["findings"] == []
    (shard,) = runs.workdir.glob("artifacts/tiny/TextExampleGen/examples/*/Split-train/*")
    content = bytearray(shard.read_bytes())
    content[99] ^= 1
    shard.write_bytes(content)
    try:
        told = ask("verify", runs.changed, workdir=runs.workdir)
        assert [finding["path"] for finding in told["findings"]] == [str(shard)]
    finally:
        content[99] ^= 1
        shard.write_bytes(content)


def test_the_page_holds_all_runs(runs: Runs, tmp_path: Path) -> None:
    page = tmp_path / "lineage.html"
    words = ["lineage", "report", "-o", str(page), "--workdir", str(runs.workdir)]
    assert CliRunner().invoke(app, words).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert all(run in text for run in runs[1:])
