"""Orphans of killed and failed runs are found, and no artifact of a finished run is."""

import json
import os
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.lineage.verify.garbage import find_orphans
from pipelines.lineage.verify.verify import verify
from pipelines.metadata.archive import Archive
from pipelines.workdir import WorkdirError, hold, open_workdir
from tests.pipelines.lineage.conftest import History

YESTERDAY = 1.6e9


@pytest.fixture
def littered(history: History, tmp_path: Path) -> Path:
    workdir = tmp_path / "work"
    shutil.copytree(history.workdir, workdir)
    archive = Archive(workdir)
    for run in (history.failed, history.killed):
        number = archive.graph.of_run(run)["Trainer"].id
        half = workdir / "artifacts/tiny/Trainer/model" / str(number) / "Format-Serving"
        half.mkdir(parents=True)
        (half / "half.pb").write_bytes(b"x" * 100)
    notes = workdir / "artifacts/tiny/Trainer/.system/executor_execution"
    for number in (archive.graph.of_run(history.failed)["Trainer"].id, 6):
        (notes / str(number)).mkdir(parents=True)
    foreign = workdir / "artifacts/tiny/Trainer/model/99999"
    foreign.mkdir()
    os.utime(foreign, (YESTERDAY, YESTERDAY))
    (workdir / "artifacts/tiny/Trainer/model/99998").mkdir()  # from today: a run may be using it
    partial = workdir / "published/tiny/.17.partial"
    partial.mkdir()
    os.utime(partial, (YESTERDAY, YESTERDAY))
    return workdir


def gc(*words: str, workdir: Path) -> str:
    command = ["lineage", "gc", *words, "--workdir", str(workdir)]
    return CliRunner().invoke(app, command, catch_exceptions=False).output


def test_a_clean_workdir_has_no_orphans(history: History) -> None:
    assert find_orphans(Archive(history.workdir)) == []
    assert gc(workdir=history.workdir) == "No orphans.\n"


def test_a_dry_run_lists_and_deletes_nothing(littered: Path, history: History) -> None:
    before = sorted(littered.rglob("*"))
    answer = json.loads(gc("--json", workdir=littered))
    names = [Path(orphan["path"]).name for orphan in answer["orphans"]]
    assert len(names) == 5
    assert {o["why"] for o in answer["orphans"]} == {
        f"Trainer of run {history.failed} failed", f"Trainer of run {history.killed} interrupted",
        "no execution in this store wrote it", "was never finished",
    }  # fmt: skip
    assert "99998" not in names
    assert sorted(littered.rglob("*")) == before


def test_deleting_leaves_every_artifact_whole(littered: Path) -> None:
    assert "5 orphans, 200 B: deleted" in gc("--delete", workdir=littered)
    assert find_orphans(Archive(littered)) == []
    assert verify(Archive(littered)).findings == ()
    assert (littered / "artifacts/tiny/Trainer/model/99998").is_dir()


def test_links_are_not_followed(littered: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside/7"
    outside.mkdir(parents=True)
    os.utime(outside, (YESTERDAY, YESTERDAY))
    (littered / "artifacts/tiny/Trainer/linked").symlink_to(outside.parent)
    (littered / "artifacts/tiny/Trainer/model/88888").symlink_to(outside)
    gc("--delete", workdir=littered)
    assert outside.is_dir()


def test_nothing_is_deleted_while_a_run_is_in_progress(littered: Path) -> None:
    with hold(open_workdir(str(littered))), pytest.raises(WorkdirError, match="running here"):
        gc("--delete", workdir=littered)
