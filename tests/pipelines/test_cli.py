"""The command line: version, help texts, completion, and cheap checks before any work."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from core.exit import INTERRUPTED
from pipelines import cli
from pipelines.cli import app, build_command
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from pipelines.plan.plan import make_plan

COLUMNS = 80
TYPE_NAME = re.compile(r"<[a-z]+(\[[a-z]+\])?( range)?>")


def commands(command: Any, path: str = "textmill") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, subcommand in getattr(command, "commands", {}).items():
        yield from commands(subcommand, f"{path} {name}")


COMMANDS = dict(commands(build_command()))


def help_of(path: str) -> str:
    arguments = [*path.split()[1:], "--help"]
    result = subprocess.run(
        [sys.executable, "-m", "pipelines.cli", *arguments],
        capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": str(COLUMNS)},
    )  # fmt: skip
    return result.stdout


@pytest.mark.parametrize("path", COMMANDS)
def test_help_fits_the_terminal_and_shows_no_type_names(path: str) -> None:
    text = help_of(path)
    assert max(map(len, text.splitlines())) <= COLUMNS
    assert not re.search(r"\S…\s+│", text), "a name or a word is cut"
    assert not TYPE_NAME.search(text)


@pytest.mark.parametrize("path", COMMANDS)
def test_help_of_every_command_has_an_example(path: str) -> None:
    command = COMMANDS[path]
    if not hasattr(command, "commands"):
        assert f"Example: {path}" in command.help


@pytest.mark.parametrize("path", COMMANDS)
def test_every_option_names_its_value_in_capitals(path: str) -> None:
    for parameter in COMMANDS[path].params:
        if parameter.name not in ("install_completion", "show_completion"):
            is_flag = getattr(parameter, "is_flag", False)
            assert (parameter.metavar == "") == is_flag, parameter.name
            value = re.sub("^[a-z]+://", "", parameter.metavar)  # vertex://PROJECT/REGION
            assert value == value.upper(), parameter.name
            assert parameter.help, parameter.name
            assert parameter.help.endswith("."), parameter.name


def test_an_option_takes_the_same_value_in_every_command() -> None:
    values: dict[str, set[str]] = {}
    for command in COMMANDS.values():
        for parameter in command.params:
            for option in parameter.opts:
                if option.startswith("--"):
                    values.setdefault(option, set()).add(str(parameter.metavar))
    assert {option: kinds for option, kinds in values.items() if len(kinds) > 1} == {}


def test_version_is_that_of_the_package() -> None:
    result = CliRunner().invoke(app, ["--version"])
    assert result.stdout == f"textmill {version('textmill')}\n"


def test_the_shell_completes_commands() -> None:
    environment = {
        **os.environ,
        "_TEXTMILL_COMPLETE": "complete_bash",
        "COMP_WORDS": "textmill pl",
        "COMP_CWORD": "1",
    }
    code = "import sys; sys.argv[0] = 'textmill'; from pipelines.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment
    )
    assert result.stdout.split() == ["plan"]


@pytest.mark.parametrize("name", ["trainer", "Trainr"])
@pytest.mark.parametrize("option", ["to_node", "rerun"])
def test_an_unknown_node_is_refused_before_any_work(option: str, name: str, tmp_path: Any) -> None:
    text, workdir = tmp_path / "a.txt", tmp_path / "w"
    text.write_text("One sentence.\n", encoding="utf-8")
    flag = option.replace("_", "-")
    expected = rf"--{flag} {name}: no such node\. Did you mean Trainer\? Nodes of .*Pusher"
    values: Any = {"recipe": "demo", "text": [str(text)], "workdir": str(workdir), option: name}
    with pytest.raises(InputError, match=expected):
        run_recipe(RunOptions(**values))
    assert not workdir.exists(), "no run is recorded"
    with pytest.raises(InputError, match=expected):
        make_plan(RunOptions(**values))


def test_ctrl_c_outside_of_the_work_is_reported_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """For example while the summary of a finished run is written."""

    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli, "build_command", lambda: interrupted)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == INTERRUPTED
    assert capsys.readouterr().err.strip() == "Stopped by Ctrl-C."
