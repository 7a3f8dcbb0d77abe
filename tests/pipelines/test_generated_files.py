"""AutoGraph's leftovers of killed runs are removed; files of running ones stay."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from pipelines.local.run_command import STALE_SECONDS, remove_stale_generated_files


def test_only_old_generated_files_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    old, new = (
        tmp_path / "__autograph_generated_file1.py",
        tmp_path / "__autograph_generated_file2.py",
    )
    other = tmp_path / "other.py"
    for path in (old, new, other):
        path.touch()
    before = time.time() - STALE_SECONDS - 60
    for path in (old, other):
        os.utime(path, (before, before))
    assert remove_stale_generated_files() == 1
    assert sorted(tmp_path.iterdir()) == [new, other]


def test_autograph_still_names_its_files_like_this() -> None:
    from tensorflow.python.autograph.pyct import loader

    source = Path(loader.__file__).read_text(encoding="utf-8")
    assert "prefix='__autograph_generated_file'" in source
    assert "suffix='.py'" in source
