"""The lineage of real runs is right: two settings, cached, warm-started, failed and killed."""

import hashlib
import json
import signal
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.testing import CliRunner

from core.exit import INPUT_ERROR, SUCCEEDED
from pipelines.cli import app
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from tests.forked_runs import Running, Start
from tests.pipelines.lineage.test_export import check, schema_registry
from tests.pipelines.tiny_run import RECIPE as TINY
from tests.pipelines.tiny_run import share_tiny_run

RECIPE = str(TINY)
pytestmark = pytest.mark.slow


class Runs(NamedTuple):
    """Run ids in a workdir."""

    workdir: Path
    first: str
    changed: str
    repeated: str
    warm: str  # started from the model that `changed` published
    failed: str
    killed: str


def textmill_run(workdir: Path, text: Path, *settings: str, expected: int = SUCCEEDED) -> str:
    """Do one run; return its id."""
    code = run_recipe(
        RunOptions(recipe=RECIPE, text=[str(text)], workdir=str(workdir), overrides=list(settings))
    )
    assert code == expected
    return max(path.name for path in (workdir / "runs").iterdir())


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Runs:
    tiny_run = share_tiny_run(tmp_path_factory)
    workdir = tiny_run.copy_to(tmp_path_factory.mktemp("real") / "work")
    text = tiny_run.text
    (first,) = (path.name for path in (workdir / "runs").iterdir())
    changed = textmill_run(workdir, text, "trainer.learning_rate=0.005")
    repeated = textmill_run(workdir, text, "trainer.learning_rate=0.005")
    parent = max((workdir / "published" / "tiny").glob("1*")) / "transformers"
    start = (f"model.start_from={parent}", f"vocabulary.import_from={parent}")
    warm = textmill_run(workdir, text, *start)
    failed = textmill_run(workdir, text, "vocabulary.size=64", expected=INPUT_ERROR)
    before = set(workdir.glob("checkpoints/tiny/*"))
    words = ("run", RECIPE, "--text", str(text), "--workdir", str(workdir))
    process = Running(Start((*words, "--set", "trainer.steps=100000")))
    process.wait_until(lambda: set(workdir.glob("checkpoints/tiny/*")) - before, "a checkpoint")
    process.signal(signal.SIGKILL)
    process.wait()
    killed = max(path.name for path in (workdir / "runs").iterdir())
    return Runs(workdir, first, changed, repeated, warm, failed, killed)


def ask(*words: str, workdir: Path) -> Any:
    command = ["lineage", *words, "--json", "--workdir", str(workdir)]
    return json.loads(CliRunner().invoke(app, command, catch_exceptions=False).output)


def test_list_shows_how_each_run_ended(runs: Runs) -> None:
    rows = {row["run"]: row for row in ask("list", workdir=runs.workdir)}
    assert [rows[run]["state"] for run in runs[1:]] == [
        "succeeded", "succeeded", "succeeded", "succeeded", "failed", "interrupted",
    ]  # fmt: skip
    assert rows[runs.repeated]["reused"]
    assert rows[runs.first]["loss"] != rows[runs.changed]["loss"]


def test_diff_names_the_one_setting(runs: Runs) -> None:
    answer = ask("diff", runs.first, runs.changed, workdir=runs.workdir)
    assert [change["name"] for change in answer["settings"]] == ["trainer.learning_rate"]
    sentence = answer["sentence"]
    assert sentence.startswith("same text and code; `trainer.learning_rate` 0.001 → 0.005; loss ")
    answer = ask("diff", runs.changed, runs.repeated, workdir=runs.workdir)
    assert answer["sentence"] == "same text, code and settings; both have the same model"


def test_a_warm_start_names_its_parent_and_its_weights(runs: Runs) -> None:
    rows = {row["run"]: row for row in ask("list", workdir=runs.workdir)}
    answer = ask("show", str(rows[runs.warm]["model"]), workdir=runs.workdir)
    assert answer["made_by"]["started_from"] == rows[runs.changed]["model"]
    weights = Path(rows[runs.changed]["published"]) / "transformers" / "model.safetensors"
    assert answer["facts"]["start_digest"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    card = (Path(rows[runs.warm]["published"]) / "README.md").read_text(encoding="utf-8")
    assert answer["facts"]["start_digest"] in card


def test_a_failed_run_names_its_node_and_error(runs: Runs) -> None:
    answer = ask("show", runs.failed, workdir=runs.workdir)
    assert "Raise vocabulary.size" in answer["error"]
    states = {node["node"]: node["state"] for node in answer["nodes"]}
    assert states["VocabularyGen"] == "failed"
    sentence = ask("diff", runs.first, runs.failed, workdir=runs.workdir)["sentence"]
    assert sentence.endswith(f"{runs.failed} failed at VocabularyGen")


def test_code_host_and_user_are_recorded_with_a_run(runs: Runs) -> None:
    for run in (runs.first, runs.killed):
        origin = ask("show", run, workdir=runs.workdir)["origin"]
        assert origin["recipe"]["name"] == "tiny"
        assert origin["versions"]["tensorflow"]
        assert origin["hardware"]["cpus"] >= 1
        assert len(origin["git_commit"]) == 40
        assert origin["user"]
    (row,) = [r for r in ask("list", workdir=runs.workdir) if r["run"] == runs.first]
    made = {n["node"]: n["made"] for n in ask("show", runs.first, workdir=runs.workdir)["nodes"]}
    number = str(made["Pusher"]["pushed_model"]["id"])
    known = ask("show", number, workdir=runs.workdir)["properties"]
    assert known["published_by"] == origin["user"]
    published = b"".join(p.read_bytes() for p in Path(row["published"]).glob("*.[jm]*"))
    assert known["published_at"].encode() not in published, "who and when are in no published byte"


def test_show_follows_a_published_model_to_its_text(runs: Runs) -> None:
    (row,) = [r for r in ask("list", workdir=runs.workdir) if r["run"] == runs.changed]
    answer = ask("show", row["published"], workdir=runs.workdir)
    assert [link["noun"] for link in answer["chain"]] == [
        "model", "instances", "documents", "vocabulary",
    ]  # fmt: skip
    assert {link["made_by"]["run"] for link in answer["chain"][1:]} == {runs.first}
    assert answer["made_by"]["commit"]


def test_verify_finds_nothing_until_a_bit_is_flipped(runs: Runs) -> None:
    assert ask("verify", workdir=runs.workdir)["findings"] == []
    (shard,) = runs.workdir.glob("artifacts/tiny/TextExampleGen/examples/*/Split-train/*")
    content = bytearray(shard.read_bytes())
    content[99] ^= 1
    shard.write_bytes(content)
    try:
        answer = ask("verify", runs.changed, workdir=runs.workdir)
        assert [finding["path"] for finding in answer["findings"]] == [str(shard)]
    finally:
        content[99] ^= 1
        shard.write_bytes(content)


def test_the_page_holds_all_runs(runs: Runs, tmp_path: Path) -> None:
    page = tmp_path / "lineage.html"
    words = ["lineage", "report", "-o", str(page), "--workdir", str(runs.workdir)]
    assert CliRunner().invoke(app, words).exit_code == 0
    text = page.read_text(encoding="utf-8")
    assert all(run in text for run in runs[1:])


def test_the_export_of_real_runs_matches_the_schemas(runs: Runs) -> None:
    command = ["lineage", "export", "--workdir", str(runs.workdir)]
    lines = CliRunner().invoke(app, command, catch_exceptions=False).stdout.splitlines()
    registry = schema_registry()
    for line in lines:
        check(json.loads(line), registry)
    assert len(lines) > 40
