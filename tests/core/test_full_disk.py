"""A full disk is explained."""

import errno
import os
import re
import shutil
from pathlib import Path

import pytest

from core import storage
from core.errors import StorageError
from core.full_disk import explain_full_disk, is_sqlite_full


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_a_full_disk_is_explained_with_path_space_and_remedy(tmp_path: Path, code: int) -> None:
    path = tmp_path / "not/there/file.txt"
    with pytest.raises(StorageError) as refused, storage.open_output(str(path)):
        raise OSError(code, os.strerror(code))
    free = r"[\d,]+"
    assert re.fullmatch(
        rf"{path}: cannot be written \({os.strerror(code)}; {free} bytes are free there\)\. Make "
        rf"room, or give another folder with --workdir, and run again\. Files that were only "
        rf"partly written are not used\.",
        str(refused.value),
    )


def test_other_errors_are_left_alone(tmp_path: Path) -> None:
    path = str(tmp_path / "file.txt")
    denied = PermissionError(errno.EACCES, "Permission denied")
    assert explain_full_disk(denied, path) is None
    assert explain_full_disk(ValueError("odd"), path) is None
    with pytest.raises(PermissionError), storage.open_output(path):
        raise denied


@pytest.mark.parametrize(
    ("words", "is_sqlites"),
    [
        ("No space left on device", False),
        ("File too large", False),
        ("sqlite: database or disk is full (13)", True),
        ("disk I/O error", True),
        ("attempt to write a readonly database", True),
    ],
)
def test_reasons_that_libraries_give_as_text_are_found(
    tmp_path: Path, words: str, is_sqlites: bool
) -> None:
    error = RuntimeError(f"UNKNOWN: {words}; more")
    message = explain_full_disk(error, str(tmp_path / "x"))
    assert message is not None
    assert message.startswith(f"{tmp_path}/x: cannot be written (")
    assert is_sqlite_full(error) == is_sqlites


def test_the_space_named_is_that_of_the_nearest_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: asked.append(path) or usage)
    full = OSError(errno.ENOSPC, "full")
    explain_full_disk(full, str(tmp_path / "a/b"))
    message = explain_full_disk(full, "gs://bucket/x")
    assert asked == [tmp_path, Path(os.environ["TMPDIR"])]
    assert message is not None
    assert f"or set TMPDIR (now {os.environ['TMPDIR']}), and run again" in message
