"""A terminal shows the figures and a progress bar; a log gets plain lines."""

import io
import json
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
    "Compute per step: ",
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


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_the_bar_stays_at_every_width(
    columns: int,
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stderr", terminal)
    train(make_settings, static_folder, tmp_path)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    last = shown.strip().splitlines()[-1].rpartition("\r")[2]
    assert last.startswith("Training ━━━━━━━━━━")
    assert re.search(r"4/4 loss \d.* \d+:\d\d left", last)
    assert "…" not in last
    assert len(last.rstrip()) <= columns


def test_a_speed_above_the_measured_peak_becomes_the_peak(
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On a busy machine the measured peak may be too low; no run reaches 205 % of a peak."""
    monkeypatch.setattr("trainer.training.peak_flops", lambda *_: 1.0)
    train(make_settings, static_folder, tmp_path)
    log = json.loads((tmp_path / "run" / "training.json").read_text())
    assert [0 < entry["share_of_peak"] <= 1 for entry in log["history"]] == [True, True]
    assert log["peak_flops_per_second"] > 1e6


def test_the_mean_speed_leaves_out_compilation(
    static_folder: str, make_settings: MakeSettings, tmp_path: Path
) -> None:
    train(make_settings, static_folder, tmp_path)
    log = json.loads((tmp_path / "run" / "training.json").read_text())
    speeds = [entry["tokens_per_second"] for entry in log["history"]]
    assert min(speeds) <= log["tokens_per_second"] <= max(speeds)
    assert log["tokens_per_second"] > 2 * 1024 / log["seconds"], "the first step compiles"


def test_a_batch_larger_than_the_text_is_reported_before_the_first_step(
    static_folder: str,
    make_settings: MakeSettings,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    settings = make_settings(steps=1, global_batch_size=4096, accumulate_steps=512)
    train_and_export(settings, [static_folder], str(tmp_path / "model"), str(tmp_path / "run"))
    error = capfd.readouterr().err
    assert "Warning: trainer.global_batch_size is 4,096, but the text makes only" in error
    assert re.search(r"set trainer.global_batch_size to [\d,]+ or less\.", error)
