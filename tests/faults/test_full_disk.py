"""A full disk, at each of the writers: told with path and room, nothing half-written counts."""

import contextlib
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.exit_codes import FAILED, SUCCEEDED
from tests.faults.conftest import DOCUMENTS, INSTANCES
from tests.faults.lane import Ended, Lane
from tests.faults.results import false_claims, last_summary, results

Results = dict[str, str]
FULL = int(os.environ.get("TEXTMILL_FAULT_RUNS", "1")) > 1
full = pytest.mark.skipif(
    not FULL, reason="make faults FULL=1; a limit on file sizes stands for it"
)
ROOMY = "64m"  # for all that a run of the tiny recipe writes


def assert_told(ended: Ended) -> str:
    """That a run failed of its disk and says so; returns the file that could not be written."""
    assert ended.code == FAILED, ended.told
    assert "Traceback" not in ended.told
    told = re.search(
        r"error: (\S+): cannot be written \(.+; [\d,]+ bytes are free there\)\. Make room",
        " ".join(ended.told.split()),
    )
    assert told, ended.told
    return told[1]


def assert_goes_on(lane: Lane, undisturbed: Results) -> None:
    """That the same command ends as if the disk had never been full."""
    assert false_claims(lane.workdir) == []
    again = lane.run()
    assert again.code == SUCCEEDED, again.told
    assert results(lane.workdir) == undisturbed
    assert false_claims(lane.workdir) == []


@contextlib.contextmanager
def small_disk(lane: Lane, stage: str | None, room: str) -> Iterator[None]:
    """Puts the workdir, at a stage, on a disk of its own, on which so much is free."""
    lane.restore(None)
    lane.workdir.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOMY}", "tmpfs", str(lane.workdir)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root may mount a small disk; the limit on file sizes stands for it")
    try:
        if stage is not None:
            shutil.copytree(lane.root / stage, lane.workdir, symlinks=True, dirs_exist_ok=True)
        resize(lane.workdir, used_bytes(lane.workdir) + 1024 * int(room.removesuffix("k")))
        yield
    finally:
        # Lazily: a failed test holds what it had open.
        subprocess.run(["umount", "--lazy", str(lane.workdir)], check=True)


def used_bytes(place: Path) -> int:
    status = os.statvfs(place)
    return (status.f_blocks - status.f_bfree) * status.f_frsize


def resize(place: Path, size: int | str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


# What is written, in this order, and how much is free for it and all before it.
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
def test_a_full_disk_is_told_with_the_file_and_the_next_run_works(
    lane: Lane, undisturbed: Results, stage: str | None, room: str, place: str
) -> None:
    with small_disk(lane, stage, room):
        told = assert_told(lane.run())
        assert told.startswith(f"{lane.workdir}/{place}")
        resize(lane.workdir, ROOMY)
        assert_goes_on(lane, undisturbed)


def test_a_disk_that_is_full_at_the_published_model_leaves_no_part_of_it(
    lane: Lane, undisturbed: Results
) -> None:
    with small_disk(lane, INSTANCES, "0k"):
        resize(lane.workdir, ROOMY)
        assert lane.run("--to-node", "ModelCardGen").code == SUCCEEDED
        model = lane.workdir / "artifacts/tiny/Trainer/model"
        size = sum(path.stat().st_size for path in model.rglob("*") if path.is_file())
        resize(lane.workdir, used_bytes(lane.workdir) + size // 2)  # it is published as a copy
        told = assert_told(lane.run())
        assert told.startswith(f"{lane.workdir}/published/")
        assert "published" not in results(lane.workdir)
        resize(lane.workdir, ROOMY)
        assert_goes_on(lane, undisturbed)


def size_of_store(lane: Lane) -> int:
    return (lane.workdir / "metadata.sqlite").stat().st_size


# A limit on the size of files stands for a full disk where no disk can be mounted.
@pytest.mark.parametrize(
    ("stage", "room", "stops_at"),
    [
        pytest.param(INSTANCES, 64 << 10, "Trainer", id="checkpoint"),
        pytest.param(DOCUMENTS, 0, "InstanceGen", id="metadata-store"),
    ],
)
def test_a_file_that_may_not_grow_is_told_and_the_next_run_works(
    lane: Lane, undisturbed: Results, stage: str, room: int, stops_at: str
) -> None:
    lane.restore(stage)
    assert_told(lane.run(largest_file=size_of_store(lane) + room))
    states = {node["node"]: node["state"] for node in last_summary(lane.workdir)["nodes"]}
    assert states.get(stops_at) != "ran"
    assert "published" not in results(lane.workdir)
    assert_goes_on(lane, undisturbed)


def test_an_export_that_may_not_grow_leaves_no_model(lane: Lane, undisturbed: Results) -> None:
    lane.restore(INSTANCES)
    lane.run(failpoint="before-export:1")  # all checkpoints are there
    assert_told(lane.run(largest_file=size_of_store(lane) + (64 << 10)))
    assert not list(lane.workdir.glob("artifacts/*/Trainer/model/*/Format-Serving/manifest.json"))
    assert_goes_on(lane, undisturbed)
