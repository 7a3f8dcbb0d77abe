"""A terminal shows the figures and a progress bar; a log gets plain lines."""

import io
import logging
import re
import sys
from pathlib import Path

import pytest

from tests.trainer.conftest import MakeSettings
from trainer.training import train_and_export

FIGURES = [
    "One CPU: trainer.device is cpu.",
    "Parameters: ",
    "Tokens per step: 256; in all: 1,024",
    "Model FLOPs per step: ",
    "Expected first loss: 7.38",  # ln 800 + ln 2
]


class Terminal(io.StringIO):
    """A standard error stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def train(make_settings: MakeSettings, folder: str, scratch: Path) -> None:
    settings = make_settings(steps=4, log_every_steps=2, evaluate_every_steps=4)
    train_and_export(settings, [folder], str(scratch / "model"), str(scratch / "run"))


def test_a_terminal_shows_the_figures_and_a_progress_bar(
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(sys, "stderr", terminal)
    train(make_settings, static_folder, tmp_path)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    for line in (*FIGURES, "step 4, held out: masked_lm_loss"):
        assert line in shown
    last = shown.strip().splitlines()[-1]
    for part in (
        r"4/4",
        r"loss \d",
        r"learning rate \d",
        r"tokens/s",
        r"% of peak",
        r"\d:\d\d left",
    ):
        assert re.search(part, last), part


def test_without_a_terminal_progress_is_only_logged(
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.INFO)
    train(make_settings, static_folder, tmp_path)
    for line in (*FIGURES, "step 2 of 4: loss", "step 4, held out: masked_lm_loss"):
        assert line in caplog.text
    assert "Parameters" not in "".join(capfd.readouterr())
