"""A terminal shows the figures and a progress bar; a log gets plain lines."""

import contextlib
import io
import json
import logging
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.trainer.conftest import MakeSettings, settings_in
from trainer.training import train_and_export

FIGURES = [
    "One CPU: trainer.device is cpu.",
    "Parameters: ",
    "Tokens per step: 256; in all: 1,024",
    "Compute per step: ",
    "Expected first loss: 7.38",  # ln 800 + ln 2
]
TOO_LOW = 1.0  # FLOP/s


class Terminal(io.StringIO):
    """A standard error stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def train(folder: str, scratch: Path) -> None:
    settings = settings_in(scratch, steps=4, log_every_steps=2, evaluate_every_steps=4)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trainer.training.peak_flops", lambda *_: TOO_LOW)
        train_and_export(settings, [folder], str(scratch / "model"), str(scratch / "run"))


class Logged(NamedTuple):
    """What a training without a terminal has said, and training.json."""

    log: str
    output: str
    history: dict[str, Any]


@pytest.fixture(scope="module")
def logged(static_folder: str, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    """Train without a terminal."""
    scratch = tmp_path_factory.mktemp("logged")
    lines, output = io.StringIO(), io.StringIO()
    handler = logging.StreamHandler(lines)
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    try:
        with contextlib.redirect_stderr(output), contextlib.redirect_stdout(output):
            train(static_folder, scratch)
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
    history = json.loads((scratch / "run" / "training.json").read_text())
    return Logged(lines.getvalue(), output.getvalue(), history)


@pytest.mark.parametrize("columns", [60, 200])
def test_a_terminal_shows_the_figures_and_a_progress_bar_that_fits(
    columns: int, static_folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = Terminal()
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr(sys, "stderr", terminal)
    train(static_folder, tmp_path)
    shown = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", terminal.getvalue())
    last = shown.strip().splitlines()[-1].rpartition("\r")[2]
    assert last.startswith("Training ━━━━━━━━━━")
    assert re.search(r"4/4 loss \d.* \d+:\d\d left", last)
    assert "…" not in last
    assert len(last.rstrip()) <= columns
    if columns == 60:
        return
    for line in (*FIGURES, "step 4, held out: masked_lm_loss"):
        assert line in shown
    for part in (r"learning rate \d", r"tokens/s", r"% of peak"):
        assert re.search(part, last), part


def test_without_a_terminal_progress_is_only_logged(logged: Logged) -> None:
    for line in (*FIGURES, "step 2 of 4: loss", "step 4, held out: masked_lm_loss"):
        assert line in logged.log
    assert "Parameters" not in logged.output


def test_a_speed_above_the_measured_peak_becomes_the_peak(logged: Logged) -> None:
    """On a busy machine the measured peak may be too low; no run reaches 205 % of a peak."""
    shares = [entry["share_of_peak"] for entry in logged.history["history"]]
    assert [0 < share <= 1 for share in shares] == [True, True]
    assert logged.history["peak_flops_per_second"] > 1e6 * TOO_LOW


def test_the_mean_speed_leaves_out_compilation(logged: Logged) -> None:
    speeds = [entry["tokens_per_second"] for entry in logged.history["history"]]
    mean = logged.history["tokens_per_second"]
    assert min(speeds) <= mean <= max(speeds)
    assert mean > 2 * 1024 / logged.history["seconds"], "the first step compiles"


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
