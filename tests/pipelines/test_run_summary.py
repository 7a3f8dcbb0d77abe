"""The summary that a run prints: paths as short as they can be typed."""

import io
import re
import sys
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.local.run_and_report import print_ending
from pipelines.local.run_command import name_program, print_next
from pipelines.local.run_summary import NodeSummary, RunSummary, print_summary, short
from pipelines.workdir import Workdir


def test_paths_below_the_current_directory_are_shown_relative_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert short(f"{tmp_path}/work/runs/1/summary.json") == "work/runs/1/summary.json"
    for elsewhere in ("/elsewhere/work", f"{tmp_path}-2/work", f"{tmp_path.parent}/work"):
        assert short(elsewhere) == elsewhere
    assert short("gs://bucket/published/1") == "gs://bucket/published/1"


def test_the_printed_summary_has_short_paths_and_the_stored_one_absolute_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    model = str(tmp_path / "work" / "published" / "1")
    summary = RunSummary(
        run_id="1", recipe="demo", state="succeeded", error=None, seconds=1.0, git={}, nodes=[],
        places={"model": model, "log": "/var/log.txt"},
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue().split()
    assert "work/published/1" in printed
    assert "/var/log.txt" in printed
    assert summary.places["model"] == model


def test_paths_can_be_clicked_on_a_terminal_and_are_plain_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    report = tmp_path / "a report" / "report.html"
    places = {"report": str(report), "model": "gs://bucket/1"}
    summary = RunSummary(
        run_id="1", recipe="demo", state="succeeded", error=None, seconds=1.0, git={}, nodes=[],
        places=places,
    )  # fmt: skip
    printed = []
    for is_terminal in (True, False):
        console = Console(file=io.StringIO(), width=200, force_terminal=is_terminal)
        print_summary(summary, console)
        assert isinstance(console.file, io.StringIO)
        printed.append(console.file.getvalue())
    link = re.search(r"\x1b\]8;id=\d+;([^\x1b]+)\x1b\\([^\x1b]+)\x1b\]8;;\x1b", printed[0])
    assert link
    assert link.groups() == (report.as_uri(), str(report))
    assert printed[0].count("\x1b]8;;") == 1, "a bucket is no file that can be opened"
    assert "\x1b" not in printed[1]


@pytest.mark.parametrize(
    ("kind", "opens"),
    [
        ("bert", "AutoModelForMaskedLM"),
        ("albert", "AutoModelForMaskedLM"),
        ("electra", "ElectraForPreTraining"),  # what it publishes first is the discriminator
    ],
)
def test_the_suggested_command_loads_the_model_with_all_its_weights(
    kind: str, opens: str, tmp_path: Path
) -> None:
    (tmp_path / "transformers").mkdir()
    (tmp_path / "transformers" / "config.json").write_text(f'{{"model_type": "{kind}"}}')
    summary = RunSummary(
        run_id="1", recipe="demo", state="succeeded", error=None, seconds=1.0, git={}, nodes=[],
        places={"model": str(tmp_path)},
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_next(summary, Workdir(tmp_path), console)
    assert isinstance(console.file, io.StringIO)
    printed = console.file.getvalue()
    assert f"from transformers import {opens}, AutoTokenizer" in printed
    assert f'{opens}.from_pretrained("{tmp_path}/transformers")' in printed
    assert f"textmill lineage serve --workdir {tmp_path}\n" in printed


def test_programs_that_the_shell_would_not_find_are_named_by_their_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "textmill").touch(mode=0o755)
    monkeypatch.chdir(tmp_path.parent)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", "/usr/bin")
    assert name_program("textmill") == f"{tmp_path.name}/textmill"
    assert name_program("tensorboard") == "tensorboard", "this environment has none"
    monkeypatch.setenv("PATH", str(tmp_path))
    assert name_program("textmill") == "textmill"


def test_a_run_that_publishes_nothing_says_why_and_what_to_do(tmp_path: Path) -> None:
    evaluation = {"blessed": False, "reasons": ["held-out loss 5.8 is above [the] baseline"]}
    node = NodeSummary(
        node="ModelEvaluator", state="ran", why="", seconds=1.0, counts={"evaluation": evaluation},
        artifacts={},
    )  # fmt: skip
    summary = RunSummary(
        run_id="1", recipe="demo", state="succeeded", error=None, seconds=1.0, git={},
        nodes=[node], places={},
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_next(summary, str(tmp_path), console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == (
        "\nNo model was published: held-out loss 5.8 is above [the] baseline.\nTrain longer "
        "(trainer.steps) or on more text. The settings of `evaluation` say when a model is good "
        "enough.\n"
    )


@pytest.mark.parametrize(
    ("state", "error", "done", "printed"),
    [
        ("interrupted", "Stopped by Ctrl-C.", False,
         "\nStopped by Ctrl-C. Run the same command to continue.\n"),
        ("interrupted", "Stopped by Ctrl-C.", True,
         "\nStopped by Ctrl-C. Run the same command to continue: finished nodes are cached.\n"),
        ("failed", "No text.", False, "\nerror: No text.\n"),
        ("failed", "No text.", True,
         "\nerror: No text.\nFix the error and run again: finished nodes are cached.\n"),
    ],
)  # fmt: skip
def test_a_run_that_ends_early_says_how_to_continue(
    state: str, error: str, done: bool, printed: str
) -> None:
    node = NodeSummary(
        node="SchemaGen", state="ran" if done else "failed", why="", seconds=1.0, counts={},
        artifacts={},
    )  # fmt: skip
    summary = RunSummary(
        run_id="1", recipe="demo", state=state, error=error, seconds=1.0, git={}, nodes=[node],
        places={},
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=200)
    print_ending(summary, None, console)
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == printed
