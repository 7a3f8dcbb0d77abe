"""A workdir has one owner at a time, and says so when it cannot be used."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.workdir import WorkdirError, hold, locate_workdir, open_workdir

HOLDER = """
import sys
from pipelines.workdir import hold, open_workdir
with hold(open_workdir(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_folder_that_cannot_be_created_is_reported_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises(WorkdirError, match=r"cannot be written .* --workdir"):
        open_workdir(str(tmp_path / "file" / "work"))


@pytest.mark.parametrize("name", ["w[1]", "w*", "what?"])
def test_a_name_that_tfx_reads_as_a_pattern_is_refused(tmp_path: Path, name: str) -> None:
    """TFX's nodes would fail late, or read the folder next to it."""
    with pytest.raises(WorkdirError, match=r"must not contain \*, \? or \[.*--workdir"):
        open_workdir(str(tmp_path / name))
    assert not (tmp_path / name).exists()
    with pytest.raises(WorkdirError, match=r"must not contain \*, \? or \["):
        locate_workdir(str(tmp_path / name))  # as `plan` does


@pytest.mark.parametrize("root", ["gs://", "gs:///x", "/local", "s3://b/r"])
def test_a_root_that_is_no_bucket_is_refused(tmp_path: Path, root: str) -> None:
    with pytest.raises(WorkdirError, match=r"--root .*: only a gs://BUCKET/FOLDER"):
        locate_workdir(str(tmp_path), root)
    assert locate_workdir(str(tmp_path), "gs://b/r").remote == "gs://b/r"


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        WorkdirError, match=r"w\\udcff: the path of a workdir must be valid UTF-8.*--workdir"
    ):
        open_workdir(str(tmp_path / os.fsdecode(b"w\xff")))


def test_a_second_run_names_the_holder_and_a_killed_holder_releases_the_workdir(
    tmp_path: Path,
) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"held\n"
    message = rf"process {holder.pid} on .* since"
    with pytest.raises(WorkdirError, match=message), hold(open_workdir(str(tmp_path))):
        pass
    holder.kill()
    holder.wait()
    with hold(open_workdir(str(tmp_path))):
        pass


def test_runs_that_start_in_the_same_second_have_different_ids(tmp_path: Path) -> None:
    workdir = open_workdir(str(tmp_path))
    ids = [workdir.new_run() for _ in range(5)]
    assert len(set(ids)) == 5
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == sorted(ids)
