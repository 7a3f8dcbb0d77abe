"""A run is made again from its records, and every difference of its bytes is named."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from core.exit import SUCCEEDED
from pipelines.cli import app
from pipelines.local.run_command import run_recipe
from pipelines.options import RunOptions
from pipelines.reproduce import reproduce as module
from pipelines.reproduce.recorded_run import ReproduceError
from pipelines.reproduce.reproduce import reproduce
from tests.pipelines.test_run import REAL_TEXT, RECIPE

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Return a workdir with a run up to its vocabulary, and the folder of its text."""
    folder = tmp_path_factory.mktemp("done")
    (folder / "text").mkdir()
    shutil.copy(REAL_TEXT, folder / "text" / "a.txt")
    options = RunOptions(
        recipe=RECIPE,
        text=[str(folder / "text")],
        workdir=str(folder / "work"),
        overrides=["vocabulary.size=650"],
        to_node="VocabularyGen",
    )
    assert run_recipe(options) == SUCCEEDED
    return folder / "work", folder / "text"


def test_a_run_that_is_made_again_has_equal_bytes(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    command = ["lineage", "reproduce", "latest", "--workdir", str(done[0]), "--json"]
    output = CliRunner().invoke(app, command)
    assert output.exit_code == 0, output.output
    result = json.loads(output.stdout)
    assert result["code"].startswith("The code is that of the run (commit ")
    assert {each["result"] for each in result["artifacts"]} == {"equal"}
    assert {each["node"] for each in result["artifacts"]} == {
        "TextExampleGen", "DocumentStatistics", "SchemaGen", "DocumentValidator", "VocabularyGen",
    }  # fmt: skip
    assert (tmp_path / f"reproduced-{result['recorded']}" / "metadata.sqlite").is_file()
    again = CliRunner().invoke(app, command)
    assert isinstance(again.exception, ReproduceError)
    assert "it is not empty" in str(again.exception)


def test_other_bytes_are_named_and_the_exit_code_is_1(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new run gets another setting, as a stand-in for code that is not deterministic."""

    def run_otherwise(options: RunOptions) -> int:
        return run_recipe(replace(options, overrides=["vocabulary.size=651"]))

    monkeypatch.setattr(module, "run_recipe", run_otherwise)
    command = ["lineage", "reproduce", "latest", "--workdir", str(done[0])]
    output = CliRunner().invoke(app, [*command, "--into", str(tmp_path / "new")])
    assert output.exit_code == 1
    assert "4 equal, 1 different" in output.stdout
    assert "VocabularyGen" in output.stdout
    assert "tokenizer.json" in output.stdout


def test_text_is_found_where_it_was_read_or_as_given_and_must_have_the_digest(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used: list[RunOptions] = []
    monkeypatch.setattr(module, "run_recipe", lambda options: used.append(options) or 7)
    workdir, text = done
    copy = shutil.copytree(text, tmp_path / "copy")
    assert reproduce(workdir, "latest", [str(copy)], tmp_path / "new") == 7
    assert used[0].text == [str(copy)]
    (copy / "a.txt").write_text("Another text.\n", encoding="utf-8")
    with pytest.raises(ReproduceError, match=r"copy: not the text of .* digest is sha256:"):
        reproduce(workdir, "latest", [str(copy)], tmp_path / "new")
    moved = text.rename(tmp_path / "moved")
    try:
        with pytest.raises(ReproduceError, match=r"its text .* is not in .* Give it with --text"):
            reproduce(workdir, "latest", [], tmp_path / "new")
    finally:
        moved.rename(text)


def test_other_code_is_refused_with_the_commit_to_check_out(
    done: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = module.code_digests
    monkeypatch.setattr(
        module, "code_digests", lambda *args: {**digests(*args), "VocabularyGen": "0" * 16}
    )
    ran: list[Any] = []
    monkeypatch.setattr(module, "run_recipe", lambda options: ran.append(options) or 7)
    with pytest.raises(
        ReproduceError,
        match=r"It differs in VocabularyGen\. Get it with `git checkout [0-9a-f]{40}`",
    ):
        reproduce(done[0], "latest", [], tmp_path / "new")
    assert not ran
    assert not (tmp_path / "new").exists()
    assert reproduce(done[0], "latest", [], tmp_path / "new", any_code=True) == 7
