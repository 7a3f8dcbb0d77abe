"""Pipelines of plain commands, as kfp compiles them: order, outputs, retries, signals, cache."""

import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core import progress
from core.exit import FAILED, INTERRUPTED
from pipelines.metadata.archive import Archive
from tests.pipelines.spec_runner.example_specs import failing, two_tasks
from tests.pipelines.spec_runner.small_specs import (
    TEXT,
    artifact,
    component,
    constant,
    last_summary,
    outer,
    output,
    pipeline,
    python,
    run,
    states,
    task,
    write_spec,
)

TOP = Path(__file__).parents[3]


def test_values_and_artifacts_go_from_task_to_task_and_into_the_lineage(tmp_path: Path) -> None:
    summary = run(tmp_path, two_tasks(), parameters=["text=four"])
    assert [node["node"] for node in summary["nodes"]] == ["make", "take"]
    assert states(summary) == {"make": "ran", "take": "ran"}
    report = Path(summary["nodes"][1]["artifacts"]["report"])
    assert report.is_relative_to(tmp_path / "w" / "artifacts" / "small" / "take" / "report")
    assert json.loads((report / "all.json").read_text()) == [
        "four", {"length": 4, "note": "as 4"},
    ]  # fmt: skip
    archive = Archive(tmp_path / "w")
    (made,) = [a for a in archive.graph.artifacts.values() if a.type_name == "system.HTML"]
    known = archive.properties(made)
    assert (known["size"], known["word"]) == (2, "x")
    run_folder = tmp_path / "w" / "runs" / summary["run_id"]
    assert json.loads((run_folder / "parameters.json").read_text()) == {"text": "four"}


def test_a_long_task_shows_how_long_it_has_been_running(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "SHOW_AFTER_SECONDS", 0.0)
    monkeypatch.setattr(progress, "REFRESH_SECONDS", 0.001)
    run(tmp_path, two_tasks())
    assert "\n   make: 0:00 so far\n" in capfd.readouterr().err


def test_a_second_run_is_cached_until_something_changes(tmp_path: Path) -> None:
    run(tmp_path, two_tasks())
    assert states(run(tmp_path, two_tasks())) == {"make": "cached", "take": "cached"}
    changed = run(tmp_path, two_tasks(), parameters=["text=abcd"])
    assert states(changed) == {"make": "ran", "take": "ran"}
    assert changed["nodes"][0]["why"] == "text abc → abcd"
    assert states(run(tmp_path, two_tasks(), use_cache=False)) == {"make": "ran", "take": "ran"}


def test_a_copied_workdir_reuses_its_own_results(tmp_path: Path) -> None:
    spec = two_tasks()
    spec["root"]["inputDefinitions"]["parameters"]["pipeline_root"] = {"parameterType": "STRING"}
    make = spec["root"]["dag"]["tasks"]["make"]
    make["inputs"]["parameters"]["root"] = outer("pipeline_root")
    given = spec["components"]["make"]["inputDefinitions"]["parameters"]
    given["root"] = {"parameterType": "STRING"}
    run(tmp_path, spec)
    copy = tmp_path / "copied"
    shutil.copytree(tmp_path / "w", copy / "w")
    summary = run(copy, spec)
    assert states(summary) == {"make": "cached", "take": "cached"}
    folders = [f for node in summary["nodes"] for f in node["artifacts"].values()]
    assert folders
    assert all(folder.startswith(f"{copy}/w/") for folder in folders)


def test_a_result_that_was_altered_on_disk_is_recomputed(tmp_path: Path) -> None:
    summary = run(tmp_path, two_tasks())
    Path(summary["nodes"][1]["artifacts"]["report"], "all.json").write_text("altered")
    assert states(run(tmp_path, two_tasks())) == {"make": "cached", "take": "ran"}


POLICY = {"maxRetryCount": 2, "backoffDuration": "0.2s", "backoffFactor": 2.0}


def test_a_task_is_retried_after_a_growing_delay(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    path = f"path={tmp_path / 'status.json'}"
    begun = time.monotonic()
    summary = run(tmp_path, failing(2, retryPolicy=POLICY), parameters=[path])
    assert time.monotonic() - begun >= 0.2 + 0.4
    assert states(summary) == {"alone": "ran", "fails": "ran", "needs": "ran", "exit": "ran"}
    assert (
        "fails: attempt 2 of 3 failed with exit code 3; next attempt in 0.4 s\n      try 1\n"
        in capfd.readouterr().err
    ), "with the last line of its log"
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["state"] == "SUCCEEDED"


def test_a_failure_runs_the_exit_handler_and_prints_the_end_of_the_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    given = [f"path={tmp_path / 'status.json'}"]
    spec = failing(9, retryPolicy=POLICY)
    summary = run(tmp_path, spec, expect=FAILED, parameters=given, retry=False)
    assert states(summary) == {"alone": "ran", "fails": "failed", "exit": "ran"}
    status = json.loads((tmp_path / "status.json").read_text())
    assert status["state"] == "FAILED"
    assert status["pipelineTaskName"] == "tfx-dag"
    assert "fails failed with exit code 3" in status["error"]["message"]
    log = tmp_path / "w" / "runs" / summary["run_id"] / "tasks" / "fails.log"
    printed = capfd.readouterr().err
    assert "error: fails failed with exit code 3." in printed
    assert "try 0" in printed
    assert str(log) in printed.replace("\n", "")


def test_a_false_condition_skips_a_task_and_its_dependents(tmp_path: Path) -> None:
    spec = two_tasks(triggerPolicy={"condition": "inputs.parameter_values['text'] == 'yes'"})
    assert states(run(tmp_path, spec)) == {}
    summary = run(tmp_path, spec, parameters=["text=yes"])
    assert states(summary) == {"make": "ran", "take": "ran"}


def test_a_dag_within_a_dag_takes_and_gives(tmp_path: Path) -> None:
    spec = two_tasks()
    inner = {"dag": {"tasks": {"make": spec["root"]["dag"]["tasks"].pop("make")}}}
    inner["dag"]["outputs"] = {
        "artifacts": {
            "data": {
                "artifactSelectors": [{"producerSubtask": "make", "outputArtifactKey": "data"}]
            }
        },
        "parameters": {
            "length": {
                "valueFromParameter": {"producerSubtask": "make", "outputParameterKey": "length"}
            }
        },
    }
    spec["components"]["group"] = {
        **inner, "inputDefinitions": {"parameters": {"text": {"parameterType": "STRING"}}},
    }  # fmt: skip
    group = task("group", inputs={"parameters": {"text": outer("text")}})
    spec["root"]["dag"]["tasks"]["group"] = group
    take = spec["root"]["dag"]["tasks"]["take"]["inputs"]
    take["artifacts"]["data"] = artifact("group", "data")
    take["parameters"]["length"] = output("group", "length")
    assert states(run(tmp_path, spec)) == {"group/make": "ran", "take": "ran"}


def test_an_importer_imports_a_file_of_a_mapped_bucket(tmp_path: Path) -> None:
    folder = tmp_path / "corpus"
    folder.mkdir()
    (folder / "a.txt").write_text("hello")
    spec = pipeline(
        {
            "import": task("import", inputs={"parameters": {"uri": constant("gs://b-1/in/a.txt")}}),
            "show": task("show", inputs={"artifacts": {"data": artifact("import", "artifact")}}),
        },
        {
            "import": component("import", inputs={"uri": TEXT}, out_artifact="system.Dataset"),
            "show": component("show", in_data="system.Dataset"),
        },
        {
            "import": {
                "importer": {
                    "artifactUri": {"runtimeParameter": "uri"},
                    "typeSchema": {"schemaTitle": "system.Dataset"},
                    "metadata": {"rows": 3},
                }
            },
            "show": python(
                "import sys; assert open(sys.argv[1]).read() == 'hello'; assert sys.argv[2] == '3'",
                "{{$.inputs.artifacts['data'].path}}",
                "{{$.inputs.artifacts['data'].metadata['rows']}}",
            ),
        },
    )
    maps = [f"gs://b-1/in={folder}"]
    assert states(run(tmp_path, spec, maps=maps)) == {"import": "ran", "show": "ran"}
    assert states(run(tmp_path, spec, maps=maps))["import"] == "cached"
    summary = run(tmp_path, spec, expect=FAILED)
    assert "--map gs://bucket/path=FOLDER" in summary["error"]


def is_alive(pid: str) -> bool:
    """Whether a process runs. An ended orphan stays as a zombie if no process reaps it."""
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_tasks_and_leaves_a_record(tmp_path: Path, number: int) -> None:
    waits = (
        "import os, pathlib, subprocess, sys, time; child = subprocess.Popen(['sleep', '600']); "
        "pathlib.Path(sys.argv[1]).write_text(f'{os.getpid()} {child.pid}'); time.sleep(600)"
    )
    pids = tmp_path / "pids"
    spec = pipeline(
        {"waits": task("waits")}, {"waits": component("waits")}, {"waits": python(waits, str(pids))}
    )
    command = [sys.executable, "-m", "pipelines.cli", "run-spec", str(write_spec(tmp_path, spec))]
    process = subprocess.Popen([*command, "--workdir", str(tmp_path / "w")], cwd=TOP)
    deadline = time.monotonic() + 120
    while not (pids.exists() and pids.read_text()):
        assert time.monotonic() < deadline
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=60) == (INTERRUPTED if number == signal.SIGINT else 143)
    assert not [pid for pid in pids.read_text().split() if is_alive(pid)]
    summary = last_summary(tmp_path / "w")
    assert (summary["state"], states(summary)) == ("interrupted", {"waits": "interrupted"})
