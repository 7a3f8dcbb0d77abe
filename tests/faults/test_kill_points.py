"""After SIGKILL at any point, the same command ends with the bytes of an undisturbed run."""

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from pipelines.lineage.verify.garbage import delete_orphans, find_orphans
from pipelines.metadata.archive import Archive
from tests.faults.kill_points import KILLED, KillPoint, Start, all_runs
from tests.faults.lane import Ended, Lane, is_stopped, processes_of
from tests.faults.results import false_claims, finished_nodes, last_summary, results

RUNS = int(os.environ.get("TEXTMILL_FAULT_RUNS", "1"))
TABLE = os.environ.get("TEXTMILL_FAULT_TABLE")  # a file for the rows of the table
OURS = ("TextExampleGen/", "VocabularyGen/", "InstanceGen/")  # same bytes on any number of workers
SETTLE_SECONDS = 10
CASES = [pytest.param(*case, id=f"{case[0].name}-{case[1]}") for case in all_runs(RUNS)]


@pytest.mark.parametrize(("point", "number"), CASES)
def test_a_killed_run_is_completed_by_the_same_command(
    lane: Lane, undisturbed: dict[str, str], point: KillPoint, number: int
) -> None:
    start = point.starts[number % len(point.starts)]
    lane.restore(start.stage)
    began = time.monotonic()
    killed = _kill(lane, point, start)
    assert killed.code == point.code, killed.output
    assert point.says in killed.output
    assert point.leaves(lane.workdir, start.steps), "it was killed elsewhere"
    false = false_claims(lane.workdir)
    finished = finished_nodes(lane.workdir)
    again = lane.run(*point.words)
    assert again.code == 0, again.output
    made = results(lane.workdir)
    wanted = undisturbed
    if point.words:
        made = {name: digest for name, digest in made.items() if name.startswith(OURS)}
        wanted = {name: digest for name, digest in wanted.items() if name.startswith(OURS)}
    repeated = sorted(finished & _nodes_that_ran(lane.workdir))
    lost = _lost_steps(lane.workdir, start)
    divergent = sorted(n for n in made.keys() | wanted.keys() if made.get(n) != wanted.get(n))
    _note(point, divergent, false, repeated, lost, time.monotonic() - began)
    assert divergent == []
    assert false == []
    assert repeated == [], "only the work of the node that was killed may be lost"
    assert lost == start.lost
    assert false_claims(lane.workdir) == []
    _assert_orphans_are_deleted(lane.workdir)


def _kill(lane: Lane, point: KillPoint, start: Start) -> Ended:
    """Run until the failpoint; assert that no process of the run is left."""
    order = f"{point.failpoint}:{start.passage}:{point.signal}"
    flag = lane.root / "flag"
    flag.unlink(missing_ok=True)
    running = lane.start(*point.words, failpoint=order, flag=str(flag))
    if point.signal == "STOP":
        _kill_in_transaction(lane, running)
    ended = running.wait()
    assert flag.exists(), f"the failpoint was not reached: {ended.output}"
    deadline = time.monotonic() + SETTLE_SECONDS
    while left := processes_of(running.pid):
        assert time.monotonic() < deadline, f"still running: {left}"
        time.sleep(0.1)
    return ended


def _kill_in_transaction(lane: Lane, running: Any) -> None:
    """Kill while SQLite's journal exists, which is from the first write to the commit."""
    running.wait_until(lambda: is_stopped(running.pid), "the failpoint")
    journal = str(lane.workdir / "metadata.sqlite-journal")
    running.signal(signal.SIGCONT)
    while not os.path.exists(journal):  # noqa: PTH110 - a Path would be too slow here
        pass
    running.signal(signal.SIGKILL)


def _nodes_that_ran(workdir: Path) -> set[str]:
    return {node["node"] for node in last_summary(workdir)["nodes"] if node["state"] == "ran"}


def _lost_steps(workdir: Path, start: Start) -> int | None:
    """Return how many of the steps that the killed run trained were trained again.

    None: it had trained none, or the model is reused and nothing is trained.
    """
    trainers = [n for n in last_summary(workdir)["nodes"] if n["node"] == "Trainer"]
    if not trainers or trainers[0]["state"] != "ran":
        return None
    path = Path(trainers[0]["artifacts"]["model_run"], "training.json")
    resumed = json.loads(path.read_text(encoding="utf-8"))["resumed_from"]
    if start.steps is None:
        assert resumed is None, "there was nothing to resume"
        return None
    return start.steps - (int(Path(resumed).stem.removeprefix("step-")) if resumed else 0)


def _assert_orphans_are_deleted(workdir: Path) -> None:
    """Assert that leftovers of the killed run are found and deleted, and nothing else."""
    archive = Archive(workdir)
    orphans = find_orphans(archive)
    assert {o.path for o in delete_orphans(archive, orphans)} == {o.path for o in orphans}
    assert find_orphans(Archive(workdir)) == []
    assert false_claims(workdir) == []


def _note(
    point: KillPoint,
    divergent: list[str],
    false: list[str],
    repeated: list[str],
    lost: int | None,
    seconds: float,
) -> None:
    """Append one row to the table of `make faults`."""
    if not TABLE:
        return
    row = {
        "point": point.name,
        "description": point.description,
        "divergent": len(divergent),
        "false": len(false),
        "repeated": len(repeated),
        "lost": lost,
        "killed": point.code == KILLED,
        "seconds": round(seconds, 1),
    }
    with Path(TABLE).open("a", encoding="utf-8") as table:
        table.write(json.dumps(row) + "\n")
