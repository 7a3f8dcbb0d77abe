"""The compiled spec of the whole pipeline makes the same model here as `textmill run`."""

import json
import shutil
from pathlib import Path

import pytest

from core.errors import InputError
from core.exit import FAILED, SUCCEEDED
from pipelines.metadata.archive import Archive
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.conftest import REAL_TEXT, Runs
from tests.pipelines.spec_runner.small_specs import last_summary, states

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("forked_warm")]


def files_in(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def published(workdir: Path) -> list[Path]:
    return sorted((workdir / "published" / "tiny").glob("[0-9]*"))


def test_the_published_model_equals_that_of_a_local_run_byte_for_byte(runs: Runs) -> None:
    (of_spec,), (of_run,) = published(runs.workdir), published(runs.local)
    assert files_in(of_spec) == files_in(of_run)
    secret = (str(runs.workdir), last_summary(runs.workdir)["run_id"])
    for name, content in files_in(of_spec).items():
        assert not [words for words in secret if words.encode() in content], name


def test_every_task_ran_and_has_the_lineage_of_a_local_run(runs: Runs) -> None:
    local, summary = last_summary(runs.local), last_summary(runs.workdir)
    of_run = {node["node"] for node in local["nodes"]}
    assert set(states(summary)) == of_run | {"LatestBlessedModel-blessing", "RunRecord"}
    assert set(states(summary).values()) == {"ran"}
    counts = {node["node"]: node["counts"] for node in summary["nodes"]}
    for node in local["nodes"]:
        if node["node"] not in ("Trainer", "Pusher"):  # these count seconds and the version
            assert counts[node["node"]] == node["counts"], node["node"]
        if node["node"] == "Trainer":
            curve = counts["Trainer"]["model_run"]["task_scores"]
            assert [point["step"] for point in curve] == [0, 3, 6]
            assert curve == node["counts"]["model_run"]["task_scores"]
    types = [
        sorted(a.type_name for a in Archive(w).graph.artifacts.values() if a.live)
        for w in (runs.workdir, runs.local)
    ]
    assert types[0] == types[1]
    record = runs.workdir / "runs" / summary["run_id"] / "run.json"
    assert json.loads(record.read_text())["state"] == "SUCCEEDED"


def test_a_second_run_is_cached_and_publishes_nothing_new(runs: Runs, tmp_path: Path) -> None:
    workdir = tmp_path / "copy"
    shutil.copytree(runs.workdir, workdir, symlinks=True)
    options = Options(text=str(REAL_TEXT), warm=True, retry=False)
    assert run_spec(str(runs.spec), workdir=str(workdir), options=options) == SUCCEEDED
    summary = last_summary(workdir)
    ran = {name for name, state in states(summary).items() if state == "ran"}
    # The resolver now finds the model of the first run, so that what asks it looks again.
    assert ran >= {"LatestBlessedModel", "ModelEvaluator", "RunRecord"}
    assert states(summary)["Trainer"] == states(summary)["TextExampleGen"] == "cached"
    assert len(published(workdir)) == 1, "the same model is no new version"


def test_a_failing_task_shows_its_log_and_is_recorded(
    runs: Runs, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "week-1").mkdir()  # of a span, only the run says which files it has
    (tmp_path / "week-1/bad.txt").write_bytes(b"One sentence.\nA bad byte \xff here.\n")
    options = Options(text=f"{tmp_path}/week-{{SPAN}}/*.txt", warm=True, retry=False)
    assert run_spec(str(runs.spec), workdir=str(tmp_path / "w"), options=options) == FAILED
    assert "byte 0xff is not UTF-8" in capfd.readouterr().err.replace("\n", " ")
    summary = last_summary(tmp_path / "w")
    assert states(summary)["TextExampleGen"] == "failed"
    assert states(summary)["RunRecord"] == "ran"
    record = json.loads((tmp_path / "w/runs" / summary["run_id"] / "run.json").read_text())
    assert record["state"] == "FAILED"
    assert "TextExampleGen" in record["error"]["message"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"One sentence.\nA bad byte \xff here.\n", r"a\.txt:2:12: byte 0xff is not UTF-8"),
        (b"<body>\n<p>A page.</p>\n", r"a\.txt: looks like HTML"),
        (b"\n \n", "1 file without a single sentence"),
        (b"One document.\nWith three sentences.\nAnd no other.\n", "No document falls into the"),
    ],
)
def test_bad_text_is_reported_before_anything_runs(
    runs: Runs, tmp_path: Path, content: bytes, message: str
) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    options = Options(text=str(tmp_path / "a.txt"))
    with pytest.raises(InputError, match=message):
        run_spec(str(runs.spec), workdir=str(tmp_path / "w"), options=options)
    assert not list(tmp_path.glob("w/runs/*"))


def test_missing_text_is_reported_before_anything_runs(runs: Runs, tmp_path: Path) -> None:
    given = ["text_root=gs://bucket/text"]
    with pytest.raises(InputError, match=r"there is no folder .*/gs/bucket/text.*--map"):
        run_spec(str(runs.spec), workdir=str(tmp_path), options=Options(parameters=given))
    with pytest.raises(InputError, match="Missing parameters: text_root"):
        run_spec(str(runs.spec), workdir=str(tmp_path))
