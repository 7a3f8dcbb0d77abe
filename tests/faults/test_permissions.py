"""Missing permissions are reported as input errors before any work.

If root runs the tests, runs switch to a user without permissions, because root has all of them.
"""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.exit import INPUT_ERROR
from tests.faults.lane import RECIPE, Lane


@pytest.fixture
def place() -> Iterator[Path]:
    """A recipe and text in a folder for all users; pytest's own folders are private."""
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o777)
        Path(shutil.copy(RECIPE, place)).chmod(0o644)
        documents = [f"Sentence {n}.\nAnother one.\n" for n in range(9)]
        (place / "a.txt").write_text("\n".join(documents), encoding="utf-8")
        (place / "a.txt").chmod(0o644)
        yield place


def refuse(lane: Lane, place: Path, workdir: str = "work") -> str:
    """Return the message of a run that is refused before TFX is loaded."""
    words = ("run", str(place / "tiny.yaml"), "--text", str(place / "a.txt"))
    ended = lane.run(command=(*words, "--workdir", str(place / workdir)), as_nobody=True)
    assert ended.code == INPUT_ERROR, ended.output
    assert "loading TFX" not in ended.output
    return " ".join(ended.output.split())


def test_a_read_only_workdir_is_refused(lane: Lane, place: Path) -> None:
    workdir = place / "work"
    workdir.mkdir(mode=0o555)
    assert f"{workdir}: cannot be written (Permission denied)" in refuse(lane, place)
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize("name", [".lock", "metadata.sqlite", "runs"])
def test_a_file_of_another_user_in_the_workdir_is_refused(
    lane: Lane, place: Path, name: str
) -> None:
    """Such files remain after a run in a container as root."""
    (place / "work").mkdir()
    (place / "work").chmod(0o777)
    made = place / "work" / name
    made.mkdir(mode=0o555) if name == "runs" else made.touch(mode=0o444)
    message = refuse(lane, place)
    assert f"{made}: cannot be written (Permission denied); user {os.geteuid()} made it" in message
    assert "chown -R" in message


@pytest.mark.parametrize(
    ("name", "problem"), [("a.txt", "cannot read the file"), ("tiny.yaml", "cannot be read")]
)
def test_unreadable_text_or_recipe_is_refused(
    lane: Lane, place: Path, name: str, problem: str
) -> None:
    (place / name).chmod(0)
    message = refuse(lane, place)
    assert f"{place / name}: {problem} (Permission denied). Change its permissions" in message


def test_a_folder_that_cannot_be_created_is_refused(lane: Lane, place: Path) -> None:
    assert "/proc/textmill: cannot be written" in refuse(lane, place, "/proc/textmill")
