"""A program ends with a sentence if Textmill can explain why, and with a traceback if not."""

import errno
import os

import pytest

from core.errors import InputError, StorageError
from core.exit import exit_with_sentence


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (InputError("a.txt: is empty."), 2, "error: a.txt: is empty."),
        (StorageError("gs://b/a: is gone.\x1b[2J"), 1, "error: gs://b/a: is gone.\ufffd[2J"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/w/a"), 1, "error: /w/a: cannot be"),
    ],
)
def test_what_can_be_explained_is_a_sentence(
    error: Exception, code: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended, exit_with_sentence():
        raise error
    assert ended.value.code == code
    assert capsys.readouterr().err.startswith(message)


def test_what_cannot_be_explained_keeps_its_traceback() -> None:
    with pytest.raises(ValueError, match="a defect"), exit_with_sentence():
        raise ValueError("a defect")
