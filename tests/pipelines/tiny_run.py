"""One run of the tiny recipe on real text, which several test files begin with."""

import contextlib
import io
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from components.corpus_report import read_artifacts
from components.vocabulary_gen import text_sample
from core import progress
from core.exit import SUCCEEDED
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from tests.shared_results import share

RECIPE = Path(__file__).with_name("tiny.yaml")
REAL_TEXT = Path(__file__).parents[1] / "data/language_reference.txt"


class TinyRun(NamedTuple):
    """A workdir with one finished run. Tests that change it work on copies."""

    workdir: Path
    text: Path  # a folder with the file a.txt
    stderr: str  # with progress as if every node took long

    def copy_to(self, folder: Path) -> Path:
        """Copy the workdir; return the copy."""
        return shutil.copytree(self.workdir, folder, symlinks=True)


def share_tiny_run(factory: pytest.TempPathFactory) -> TinyRun:
    """Return the run, which the first file makes that needs it."""
    return share(factory, "tiny-run", _make)


def _make(folder: Path) -> TinyRun:
    text = folder / "text"
    text.mkdir()
    shutil.copy(REAL_TEXT, text / "a.txt")
    stderr = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stderr(stderr):
        patch.setattr(progress, "SHOW_AFTER_SECONDS", 0.0)
        patch.setattr(progress, "LINE_EVERY_SECONDS", 0.0)
        patch.setattr(progress, "REFRESH_SECONDS", 0.001)
        for module, name in ((text_sample, "decode_sentences"), (read_artifacts, "parse_record")):
            patch.setattr(module, name, _slowly(getattr(module, name)))
        options = RunOptions(
            recipe=str(RECIPE), text=[str(text)], workdir=str(folder / "work"), overrides=[]
        )
        assert run_recipe(options) == SUCCEEDED
    return TinyRun(folder / "work", text, stderr.getvalue())


def _slowly(function: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Let a function that reads one record take some milliseconds."""

    def slow(record: bytes) -> Any:
        time.sleep(0.005)
        return function(record)

    return slow
