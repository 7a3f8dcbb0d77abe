"""What a killed process leaves in TMPDIR, the next one removes."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from core import temporary
from core.temporary import TemporaryFolder, sweep

HOLDS_A_FOLDER = """
import sys, time
from core.temporary import TemporaryFolder
folder = TemporaryFolder("upload")
print(folder.name, flush=True)
time.sleep(600)
"""


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TMPDIR of this test, in which folders are old enough to be swept at once."""
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(temporary, "_NEW_SECONDS", -1.0)
    sweep.cache_clear()
    return tmp_path


def test_the_folder_of_a_killed_process_is_removed_by_the_next_one(parent: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDS_A_FOLDER], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    left = Path(holder.stdout.readline().strip())
    TemporaryFolder("upload").cleanup()
    assert left.is_dir(), "its process is alive"
    holder.send_signal(signal.SIGKILL)
    holder.communicate()
    assert left.is_dir()
    sweep.cache_clear()  # as in a new process
    TemporaryFolder("events").cleanup()
    assert list(parent.iterdir()) == []


def test_folders_of_others_and_new_ones_stay(parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = [parent / name for name in ("textmill-models", "textmill-upload-of-mine", "other")]
    for folder in own:
        folder.mkdir()
    (parent / "textmill-upload-abcdefgh").symlink_to(own[0])
    monkeypatch.setattr(temporary, "_NEW_SECONDS", 60.0)
    new = parent / "textmill-upload-12345678"
    new.mkdir()
    TemporaryFolder("upload").cleanup()
    assert {*own, new} <= {*parent.iterdir()}
    os.utime(new, (0, 0))
    sweep.cache_clear()
    TemporaryFolder("upload").cleanup()
    assert {path.name for path in parent.iterdir()} == {
        *(folder.name for folder in own), "textmill-upload-abcdefgh",
    }  # fmt: skip
