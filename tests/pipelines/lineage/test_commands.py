"""`textmill lineage` answers in the terminal and in JSON, and names what it cannot find."""

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.lineage.find.select import SelectionError, resolve_run, select
from pipelines.metadata.archive import Archive
from tests.pipelines.lineage.conftest import NEW_TEXT, History
from tests.pipelines.lineage.mill import Mill


def textmill(*words: str, workdir: Path) -> str:
    environment = {"COLUMNS": "100", "NO_COLOR": "1"}
    command = ["lineage", *words, "--workdir", str(workdir)]
    result = CliRunner().invoke(app, command, env=environment, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def ask(*words: str, workdir: Path) -> Any:
    return json.loads(textmill(*words, "--json", workdir=workdir))


def model_of(history: History, run_id: str) -> dict[str, Any]:
    rows = ask("list", workdir=history.workdir)
    (row,) = [row for row in rows if row["run"] == run_id]
    of_run: dict[str, Any] = row
    return of_run


def test_list_shows_each_run_newest_first(history: History) -> None:
    rows = ask("list", workdir=history.workdir)
    assert [row["run"] for row in rows] == [
        history.killed, history.failed, history.new_text, history.repeated, history.changed,
        history.first,
    ]  # fmt: skip
    assert [row["state"] for row in rows[:3]] == ["interrupted", "failed", "succeeded"]
    repeated, changed = rows[3:5]
    assert repeated["reused"]
    assert repeated["model"] == changed["model"]
    assert changed["loss"] == 3.72
    assert changed["version"] == "1800000001", "max(now, last + 1)"
    text = textmill("list", workdir=history.workdir)
    assert "→ 1800000001" in text
    assert "not blessed" in text


def test_list_filters_and_limits_rows(history: History) -> None:
    assert len(ask("list", "--only", "published", workdir=history.workdir)) == 3
    failed = ask("list", "--only", "failed", workdir=history.workdir)
    assert [row["run"] for row in failed] == [history.failed]
    assert "5 older runs" in textmill("list", "--limit", "1", workdir=history.workdir)


def test_a_model_is_found_by_all_its_names(
    history: History, archive: Archive, tmp_path: Path
) -> None:
    row = model_of(history, history.changed)
    published = Path(row["published"])
    shutil.copytree(published, tmp_path / "copied")
    model = archive.graph.artifacts[row["model"]]
    digest = archive.manifest(model).content_digest()  # type: ignore[union-attr]
    names = [str(row["model"]), row["version"], str(published), str(tmp_path / "copied"),
             model.uri, f"{model.uri}/Format-Serving", digest, digest[:12]]  # fmt: skip
    assert {select(archive, name).id for name in names} == {row["model"]}
    assert resolve_run(archive, select(archive, row["version"])).id == history.changed


def test_a_run_is_found_by_its_id_its_first_characters_and_as_latest(
    history: History, archive: Archive
) -> None:
    assert select(archive, history.first).id == history.first
    assert select(archive, "latest").id == history.killed
    assert select(archive, history.first[:-1]).id == history.first
    with pytest.raises(SelectionError, match="6 runs match"):
        select(archive, history.first[:10])
    with pytest.raises(SelectionError, match=r"no run, artifact, .*lineage list"):
        select(archive, "nothing")


def test_show_follows_a_model_to_its_text(history: History) -> None:
    row = model_of(history, history.changed)
    answer = ask("show", row["version"], workdir=history.workdir)
    assert [link["noun"] for link in answer["chain"]] == [
        "model", "instances", "documents", "vocabulary",
    ]  # fmt: skip
    assert answer["made_by"]["settings"]["trainer.learning_rate"] == 5e-4
    assert answer["made_by"]["commit"].startswith("d75ed2ed")
    assert {link["made_by"]["run"] for link in answer["chain"][1:]} == {history.first}, (
        "true producers"
    )
    text = textmill("show", row["version"], workdir=history.workdir)
    assert "documents 1: 5 documents, 10 sentences" in text
    near = ask("show", row["version"], "--depth", "1", workdir=history.workdir)
    assert len(near["chain"]) == 2


def test_show_downstream_lists_descendants(history: History) -> None:
    answer = ask("show", "1", "--downstream", workdir=history.workdir)
    versions = {link["words"] for link in answer["chain"] if link["noun"] == "publication"}
    assert versions == {"version 1800000000", "version 1800000001"}


def test_show_of_a_run_names_the_origin_of_cached_nodes(history: History) -> None:
    answer = ask("show", history.repeated, workdir=history.workdir)
    origin = {node["node"]: node["from_run"] for node in answer["nodes"]}
    assert origin["Trainer"] == history.changed
    assert origin["TextExampleGen"] == history.first
    text = textmill("show", history.failed, workdir=history.workdir)
    assert "ValueError: out of luck" in text


def test_diff_takes_models_and_runs(history: History) -> None:
    versions = [model_of(history, run)["version"] for run in (history.first, history.changed)]
    by_version = ask("diff", *versions, workdir=history.workdir)
    assert by_version == ask("diff", history.first, history.changed, workdir=history.workdir)
    assert next(iter(by_version)) == "sentence"
    text = textmill("diff", history.first, history.new_text, workdir=history.workdir)
    assert "5 → 5 documents" in text
    assert "loss 3.91 → 4.20" in text


def test_a_moved_workdir_is_read_at_its_new_location(tmp_path: Path) -> None:
    mill = Mill(tmp_path / "work")
    runs = mill.run(), mill.run(documents=NEW_TEXT)
    moved = (tmp_path / "work").rename(tmp_path / "moved")
    answer = ask("show", "1", workdir=moved)
    assert answer["exists"]
    assert answer["words"] == "5 documents, 10 sentences"
    assert ask("diff", *runs, workdir=moved)["corpus"]


def test_hostile_names_reach_the_terminal_without_control_characters(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    mill.run(trainer_code="\x1b[31m[red]evil\u202e", commit="[bold]\x07")
    text = textmill("show", "latest", workdir=tmp_path) + textmill("show", "7", workdir=tmp_path)
    assert not {"\x1b", "\x07", "\u202e"} & set(text)
    assert "[bold]" in text, "markup is shown and not obeyed"


def test_lineage_starts_without_heavy_imports() -> None:
    code = """
import sys
import pipelines.cli
heavy = {"ml_metadata", "tensorflow", "tfx", "numpy", "jinja2", "pydantic"} & set(sys.modules)
assert not heavy, heavy
"""
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True)
    assert time.monotonic() - started < 10


def test_a_run_that_was_killed_between_two_nodes_did_not_succeed(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    run = mill.run()
    assert ask("list", workdir=tmp_path)[0]["state"] == "succeeded"
    (tmp_path / "runs" / run / "summary.json").unlink()
    assert ask("list", workdir=tmp_path)[0]["state"] == "interrupted"


def test_a_warm_start_names_its_parent(tmp_path: Path) -> None:
    mill = Mill(tmp_path)
    mill.run()
    (parent,) = ask("list", workdir=tmp_path)
    mill.run(start_from=f"{parent['published']}/transformers")
    child = ask("list", workdir=tmp_path)[0]
    answer = ask("show", str(child["model"]), workdir=tmp_path)
    assert answer["made_by"]["started_from"] == parent["model"]
    text = textmill("show", str(child["model"]), workdir=tmp_path)
    assert f"training started from model {parent['model']}" in text
    compared = ask("diff", parent["run"], "latest", workdir=tmp_path)
    assert "`model.start_from` none →" in compared["sentence"]
