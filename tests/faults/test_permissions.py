"""What a user may not read or write is told before any work, as wrong input.

Where root runs the tests, the runs are those of a user who owns nothing: root may all.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.exit_codes import INPUT_ERROR
from tests.faults.lane import RECIPE, Lane


@pytest.fixture
def place() -> Iterator[Path]:
    """A recipe and text in a folder for anybody; pytest's own folders are for their user."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o777)
        Path(shutil.copy(RECIPE, place)).chmod(0o644)
        (place / "a.txt").write_text("A sentence.\nAnother one.\n", encoding="utf-8")
        (place / "a.txt").chmod(0o644)
        yield place


def told_of(lane: Lane, place: Path, workdir: str = "work") -> str:
    """What a run says that is refused before TFX is loaded."""
    words = ("run", str(place / "tiny.yaml"), "--text", str(place / "a.txt"))
    ended = lane.run(command=(*words, "--workdir", str(place / workdir)), as_nobody=True)
    assert ended.code == INPUT_ERROR, ended.told
    assert "loading TFX" not in ended.told
    return " ".join(ended.told.split())


def test_a_read_only_workdir(lane: Lane, place: Path) -> None:
    workdir = place / "work"
    workdir.mkdir(mode=0o555)
    assert f"{workdir}: cannot be written (Permission denied)" in told_of(lane, place)
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("name", [".lock", "metadata.sqlite", "runs"])
def test_what_another_user_made_in_the_workdir(lane: Lane, place: Path, name: str) -> None:
    """As after a run in a container, whose root made it all."""
    (place / "work").mkdir()
    (place / "work").chmod(0o777)
    made = place / "work" / name
    made.mkdir(mode=0o555) if name == "runs" else made.touch(mode=0o444)
    told = told_of(lane, place)
    assert f"{made}: cannot be written (Permission denied); user {os.geteuid()} made it" in told
    assert "chown -R" in told


@pytest.mark.parametrize("name", ["a.txt", "tiny.yaml"])
def test_text_and_a_recipe_that_may_not_be_read(lane: Lane, place: Path, name: str) -> None:
    (place / name).chmod(0)
    assert f"{place / name}: cannot be read (Permission denied). Change its" in told_of(lane, place)


def test_a_place_where_nothing_can_be_made(lane: Lane, place: Path) -> None:
    assert "/proc/textmill: cannot be written" in told_of(lane, place, "/proc/textmill")
