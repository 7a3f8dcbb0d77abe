"""Runs survive a damaged store, a wrong clock, other runs, and altered results."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from core.exit import INPUT_ERROR, INTERRUPTED, SUCCEEDED
from pipelines import workdir as workdir_module
from pipelines.metadata.archive import Archive
from pipelines.workdir import open_workdir
from tests.faults.conftest import DOCUMENTS, DONE
from tests.faults.lane import FULL, Lane, is_stopped, processes_of
from tests.faults.results import false_claims, last_summary, results

CTRL_CS = 20 if FULL else 3
Results = dict[str, str]


def states(workdir: Path) -> dict[str, str]:
    return {node["node"]: node["state"] for node in last_summary(workdir)["nodes"]}


def _truncate(store: Path) -> None:
    with store.open("r+b") as stream:
        stream.truncate(store.stat().st_size // 2)


def _flip(store: Path) -> None:
    content = bytearray(store.read_bytes())
    for at in range(4096 * 3, len(content), 4096):
        content[at] ^= 0xFF
    store.write_bytes(content)


def _age(store: Path) -> None:
    with sqlite3.connect(store) as connection:
        connection.execute("UPDATE MLMDEnv SET schema_version = 4")
    connection.close()


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(Path.unlink, "is missing", id="deleted"),
        pytest.param(lambda store: store.write_bytes(b""), "metadata store", id="emptied"),
        pytest.param(_truncate, "damaged", id="cut-short"),
        pytest.param(_flip, "damaged", id="altered"),
        pytest.param(_age, "schema version 4", id="old-layout"),
    ],
)
def test_a_bad_store_is_reported_with_its_backup_and_never_replaced_silently(
    lane: Lane, undisturbed: Results, damage: Callable[[Path], object], message: str
) -> None:
    lane.restore(DONE)
    store = lane.workdir / "metadata.sqlite"
    damage(store)
    before = store.read_bytes() if store.exists() else None
    ended = lane.run()
    assert ended.code == INPUT_ERROR, ended.output
    words = " ".join(ended.output.split())
    assert message in words
    assert (store.read_bytes() if store.exists() else None) == before
    if "schema" not in message:
        assert f"cp {store}.backup {store}" in words


def test_a_restored_store_reuses_everything(lane: Lane, undisturbed: Results) -> None:
    lane.restore(DONE)
    store = lane.workdir / "metadata.sqlite"
    shutil.copy(f"{store}.backup", store)
    assert lane.run().code == SUCCEEDED
    assert set(states(lane.workdir).values()) == {"cached"}
    assert results(lane.workdir) == undisturbed


def test_an_old_copy_of_the_store_does_not_mix_old_folders_with_new(
    lane: Lane, undisturbed: Results
) -> None:
    """The restored store assigns used execution ids again, so that folders are not empty."""
    lane.restore(DONE)
    shutil.copy(lane.root / DOCUMENTS / "metadata.sqlite", lane.workdir)
    for folder in lane.workdir.glob("artifacts/*/InstanceGen/instances/*"):
        (folder / "Split-train" / "of-another-run.tfrecord.gz").write_bytes(b"not ours")
    ended = lane.run()
    assert ended.code == SUCCEEDED, ended.output
    assert results(lane.workdir) == undisturbed


def _artifact(workdir: Path, pattern: str) -> Path:
    (found,) = workdir.glob(f"artifacts/tiny/{pattern}")
    return found


def _flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    before = path.stat()
    path.write_bytes(content)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def test_altered_or_deleted_results_are_recomputed(lane: Lane, undisturbed: Results) -> None:
    lane.restore(DONE)
    work = lane.workdir
    _flip_a_bit(_artifact(work, "InstanceStatistics/statistics/*/Split-train/FeatureStats.pb"))
    shutil.rmtree(_artifact(work, "CorpusReportGen/report/*"))
    _flip_a_bit(_artifact(work, "Trainer/model/*/Format-Serving/transformers/model.safetensors"))
    (_artifact(work, "ModelCardGen/model_card/*") / "more.md").write_text("added", encoding="utf-8")
    ended = lane.run()
    assert ended.code == SUCCEEDED, ended.output
    states_of_nodes = states(work)
    for node in ("InstanceStatistics", "CorpusReportGen", "Trainer", "ModelCardGen"):
        assert states_of_nodes[node] == "ran", node
    assert states_of_nodes["InstanceGen"] == states_of_nodes["VocabularyGen"] == "cached"
    why = {node["node"]: node["why"] for node in last_summary(work)["nodes"]}
    assert why["Trainer"] == "the earlier result is gone or was altered"
    assert results(work) == undisturbed


def test_an_altered_published_model_is_published_again(lane: Lane, undisturbed: Results) -> None:
    lane.restore(DONE)
    (weights,) = lane.workdir.glob("published/tiny/*/transformers/model.safetensors")
    _flip_a_bit(weights)
    assert lane.run().code == SUCCEEDED
    assert states(lane.workdir)["Pusher"] == "ran"
    assert Path(last_summary(lane.workdir)["places"]["model"]) != weights.parents[1]
    assert results(lane.workdir) == undisturbed


def test_eight_runs_at_once_wait_or_name_the_holder_and_agree(
    lane: Lane, undisturbed: Results
) -> None:
    lane.restore(DOCUMENTS)
    until = ("--to-node", "InstanceGen")
    waiting = [lane.start(*until, "--wait", "280") for _ in range(4)]
    others = [lane.start(*until) for _ in range(4)]
    for ended in (running.wait() for running in waiting):
        assert ended.code == SUCCEEDED, ended.output
    for ended in (running.wait() for running in others):
        words = " ".join(ended.output.split())
        assert ended.code == SUCCEEDED or (
            ended.code == INPUT_ERROR and "has been running here since" in words
        ), ended.output
        assert "database is locked" not in words
    made = [
        e for e in Archive(lane.workdir).graph.executions.values() if e.node_id == "InstanceGen"
    ]
    assert sorted(e.state for e in made).count("ran") == 1
    assert {e.state for e in made} <= {"ran", "cached"}
    made_now = results(lane.workdir)
    assert made_now == {name: undisturbed[name] for name in made_now}


def test_ctrl_c_at_any_time_exits_with_130_and_leaves_no_process(
    lane: Lane, undisturbed: Results
) -> None:
    """Each run continues where the last one was interrupted; the moments depend on its number."""
    lane.restore(None)
    interrupted = 0
    nodes = ["TextExampleGen", "InstanceStatistics", "Trainer", "ModelEvaluator", "Pusher"]
    for number in range(CTRL_CS):
        running = lane.start()
        node = nodes[number * len(nodes) // CTRL_CS]
        running.wait_until(lambda: node in running.output() or not running.is_alive(), node)  # noqa: B023
        time.sleep((number * 0.37) % 1.0)
        if not running.is_alive():
            continue
        running.signal(signal.SIGINT)
        ended = running.wait()
        assert ended.code in (INTERRUPTED, SUCCEEDED), ended.output
        assert (ended.code == INTERRUPTED) == ("Stopped by Ctrl-C" in ended.output)
        interrupted += ended.code == INTERRUPTED
        time.sleep(0.5)
        assert processes_of(running.pid) == []
    # The last nodes take so little time that a run may end before its Ctrl-C arrives.
    assert interrupted >= CTRL_CS * 3 / 5
    assert lane.run().code == SUCCEEDED
    assert results(lane.workdir) == undisturbed
    assert false_claims(lane.workdir) == []


def test_ctrl_c_ends_the_workers_even_one_that_hangs(lane: Lane, tmp_path: Path) -> None:
    lane.restore(None)
    words = ("--to-node", "InstanceGen", "--set", "beam.workers=2")
    running = lane.start(*words, failpoint="beam-work:1:STOP", flag=str(tmp_path / "hangs"))
    running.wait_until(lambda: any(map(is_stopped, processes_of(running.pid))), "a worker hangs")
    running.signal(signal.SIGINT)
    ended = running.wait()
    assert ended.code == INTERRUPTED, ended.output
    assert "Stopped by Ctrl-C" in ended.output
    assert processes_of(running.pid) == []
    assert lane.run(*words).code == SUCCEEDED
    assert false_claims(lane.workdir) == []


def test_run_ids_increase_when_the_clock_is_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workdir = open_workdir(str(tmp_path))
    first = workdir.new_run()

    class Yesterday(datetime):
        @classmethod
        def now(cls, tz: timezone | None = None) -> "Yesterday":  # type: ignore[override]
            moment = datetime.now(tz) - timedelta(days=1)
            return cls.fromtimestamp(moment.timestamp(), tz)

    monkeypatch.setattr(workdir_module, "datetime", Yesterday)
    second, third = workdir.new_run(), workdir.new_run()
    assert first < second < third
