"""The commands that print tables: run ids whole, no squeezed column, at every width."""

import io

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.local.run_summary import NodeSummary, RunSummary, print_summary
from tests.pipelines.lineage.conftest import History

WIDTHS = pytest.mark.parametrize("width", [60, 80, 120])
RULE = "─"


def textmill(*words: str, width: int, code: int = 0) -> list[str]:
    environment = {"COLUMNS": str(width), "NO_COLOR": "1"}
    result = CliRunner().invoke(app, list(words), env=environment, catch_exceptions=False)
    assert result.exit_code == code, result.output
    return result.output.splitlines()


def check(lines: list[str], *, names: list[str]) -> None:
    """Check that the header is there, and that nothing is cut or padded."""
    rule = next(number for number, line in enumerate(lines) if line.startswith(f" {RULE}"))
    assert " ".join(lines[max(0, rule - 2) : rule]).split() == names
    assert not any("…" in line for line in lines)
    assert [line for line in lines if line != line.rstrip()] == []


@WIDTHS
def test_list(history: History, width: int) -> None:
    lines = textmill("lineage", "list", "--workdir", str(history.workdir), width=width)
    check(lines, names=["run", "state", "time", "ran", "loss", "model"])
    for run in history[1:]:
        assert any(line.split()[:1] == [run] for line in lines)


@WIDTHS
def test_show(history: History, width: int) -> None:
    command = ("lineage", "show", history.repeated, "--workdir", str(history.workdir))
    lines = textmill(*command, width=width)
    table = lines[lines.index("") :]
    check(table, names=["node", "state", "time", "artifact", "content"])
    text = "\n".join(lines)
    assert f"Run {history.repeated}" in text
    assert f"from run {history.first}" in text
    assert max(map(len, table)) <= width


@WIDTHS
def test_diff(history: History, width: int) -> None:
    command = ("lineage", "diff", history.first, history.changed)
    lines = textmill(*command, "--workdir", str(history.workdir), width=width)
    assert f"{history.first} → {history.changed}" in lines
    assert any("1e-4 → 5e-4" in line for line in lines)


@WIDTHS
def test_doctor(history: History, width: int) -> None:
    lines = textmill("doctor", "--workdir", str(history.workdir), width=width)
    checks = [line for line in lines if line.split()[:1] in (["ok"], ["warning"])]
    assert len(checks) > 2
    assert str(history.workdir) in "\n".join(lines)


@WIDTHS
def test_the_summary_of_a_run(width: int) -> None:
    run = "20261130T090505Z"
    why = f"unchanged since run {run}"
    nodes = [
        NodeSummary(node=name, state="cached", why=why, seconds=0.1, counts={}, artifacts={})
        for name in ("TextExampleGen", "InstanceStatisticsPhase2")
    ]
    summary = RunSummary(
        run_id=run, recipe="demo", state="succeeded", error=None, seconds=1.0, git={}, nodes=nodes,
        places={"model": "/w/published/demo/1796020969"},
    )  # fmt: skip
    console = Console(file=io.StringIO(), width=width)
    print_summary(summary, console)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    assert lines[0] == f"Run {run}: succeeded after 1.0 s"
    check(lines, names=["node", "state", "seconds", "result", "and", "reason"])
    assert "\n".join(lines).count(run) == 3
    assert max(map(len, lines)) <= width


@WIDTHS
def test_recipes(width: int) -> None:
    lines = textmill("recipes", width=width)
    check(lines, names=["recipe", "model", "parameters", "tokens", "compute"])
    assert max(map(len, lines)) <= width
    assert any(line.split()[:3] == ["demo", "bert", "tiny"] for line in lines)
