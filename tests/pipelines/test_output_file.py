"""`--output` makes no folders, and is checked before any work."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.errors import InputError
from pipelines.cli import app

COMMANDS = pytest.mark.parametrize(
    "command", [["lineage", "report"], ["lineage", "export"], ["compile", "vertex"]]
)


@COMMANDS
def test_a_folder_that_does_not_exist_is_not_made(command: list[str], tmp_path: Path) -> None:
    output = tmp_path / "missing" / "x.yaml"
    result = CliRunner().invoke(app, [*command, "--output", str(output)])
    assert isinstance(result.exception, InputError)
    assert str(result.exception) == (
        f"--output {output}: there is no folder {output.parent}. Create it, or give another name."
    )
    assert not output.parent.exists()


@COMMANDS
def test_a_folder_is_no_file(command: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "x.yaml"
    folder.mkdir()
    result = CliRunner().invoke(app, [*command, "--output", str(folder)])
    assert isinstance(result.exception, InputError)
    assert "this is a folder. Give the name of a file in it." in str(result.exception)
