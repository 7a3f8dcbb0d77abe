"""A full disk is reported with path and free space, for each writer; partial files do not count."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.exit import FAILED, SUCCEEDED
from tests.faults.conftest import DOCUMENTS, INSTANCES
from tests.faults.lane import FULL, Ended, Lane
from tests.faults.results import false_claims, last_summary, results

Results = dict[str, str]
full = pytest.mark.skipif(
    not FULL, reason="make faults FULL=1; otherwise a limit on file sizes simulates it"
)
ROOMY = "64m"  # enough for a run of the tiny recipe


def assert_reported(ended: Ended) -> str:
    """Assert that a run reports a full disk; return the file that it could not write."""
    assert ended.code == FAILED, ended.output
    assert "Traceback" not in ended.output
    reported = re.search(
        r"error: (\S+): cannot be written \(.+; [\d,]+ bytes are free there\)\. Make room",
        " ".join(ended.output.split()),
    )
    assert reported, ended.output
    return reported[1]


def assert_recovers(lane: Lane, undisturbed: Results) -> None:
    """Assert that the same command gives the results of an undisturbed run."""
    assert false_claims(lane.workdir) == []
    again = lane.run()
    assert again.code == SUCCEEDED, again.output
    assert results(lane.workdir) == undisturbed
    assert false_claims(lane.workdir) == []


@contextlib.contextmanager
def small_disk(lane: Lane, stage: str | None, room: str) -> Iterator[None]:
    """Put the workdir, at a stage, on a separate disk with this much free space."""
    lane.restore(None)
    lane.workdir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(lane.workdir)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small disk; the limit on file sizes simulates it")
    try:
        if stage is not None:
            shutil.copytree(lane.root / stage, lane.workdir, symlinks=True, dirs_exist_ok=True)
        resize(lane.workdir, used_bytes(lane.workdir) + 1024 * int(room.removesuffix("k")))
        yield
    finally:
        # Lazily, because a failed test may keep files open.
        subprocess.run(["umount", "--lazy", str(lane.workdir)], check=True)


def used_bytes(place: Path) -> int:
    status = os.statvfs(place)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def resize(place: Path, size: int | str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


# The files in the order of writing, and the free space for each with those before it.
@pytest.mark.parametrize(
    ("stage", "room", "place"),
    [
        pytest.param(None, "4k", "runs/", id="recipe", marks=full),
        pytest.param(None, "48k", "metadata.sqlite", id="metadata-store", marks=full),
        pytest.param(None, "600k", "artifacts/tiny/TextExampleGen/", id="documents"),
        pytest.param(INSTANCES, "400k", "checkpoints/", id="checkpoint", marks=full),
        pytest.param(INSTANCES, "1800k", "artifacts/tiny/Trainer/", id="export", marks=full),
    ],
)
def test_a_full_disk_is_reported_with_the_file_and_the_next_run_works(
    lane: Lane, undisturbed: Results, stage: str | None, room: str, place: str
) -> None:
    with small_disk(lane, stage, room):
        path = assert_reported(lane.run())
        assert path.startswith(f"{lane.workdir}/{place}")
        resize(lane.workdir, ROOMY)
        assert_recovers(lane, undisturbed)


def test_a_full_disk_leaves_no_partial_published_model(lane: Lane, undisturbed: Results) -> None:
    with small_disk(lane, INSTANCES, "0k"):
        resize(lane.workdir, ROOMY)
        assert lane.run("--to-node", "ModelCardGen").code == SUCCEEDED
        model = lane.workdir / "artifacts/tiny/Trainer/model"
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        resize(lane.workdir, used_bytes(lane.workdir) + size // 2)  # publishing copies the model
        path = assert_reported(lane.run())
        assert path.startswith(f"{lane.workdir}/published/")
        assert "published" not in results(lane.workdir)
        resize(lane.workdir, ROOMY)
        assert_recovers(lane, undisturbed)


def size_of_store(lane: Lane) -> int:
    return (lane.workdir / "metadata.sqlite").stat().st_size


# A limit on the size of files simulates a full disk if no disk can be mounted.
@pytest.mark.parametrize(
    ("stage", "room", "stops_at"),
    [
        pytest.param(INSTANCES, 64 << 10, "Trainer", id="checkpoint"),
        pytest.param(DOCUMENTS, 0, "InstanceGen", id="metadata-store"),
    ],
)
def test_a_file_size_limit_is_reported_and_the_next_run_works(
    lane: Lane, undisturbed: Results, stage: str, room: int, stops_at: str
) -> None:
    lane.restore(stage)
    assert_reported(lane.run(largest_file=size_of_store(lane) + room))
    states = {node["node"]: node["state"] for node in last_summary(lane.workdir)["nodes"]}
    assert states.get(stops_at) != "ran"
    assert "published" not in results(lane.workdir)
    assert_recovers(lane, undisturbed)


def test_a_file_size_limit_during_export_leaves_no_model(lane: Lane, undisturbed: Results) -> None:
    lane.restore(INSTANCES)
    killed = lane.run(failpoint="before-export:1")  # every checkpoint exists
    assert killed.code == -signal.SIGKILL, killed.output
    assert_reported(lane.run(largest_file=size_of_store(lane) + (64 << 10)))
    assert not list(lane.workdir.glob("artifacts/*/Trainer/model/*/Format-Serving/manifest.json"))
    assert_recovers(lane, undisturbed)
