"""Pipelines of plain commands, as kfp compiles them: order, outputs, retries, signals, cache."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from pipelines.exit_codes import FAILED, INTERRUPTED, SUCCEEDED
from pipelines.metadata.archive import Archive
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.small_specs import (
    INTEGER,
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
MAKE = """
import json, pathlib, sys
data, length, text = sys.argv[1:]
pathlib.Path(data).write_text(text)
pathlib.Path(length).write_text(str(len(text)))
"""
TAKE = """
import json, pathlib, sys
message = json.loads(sys.argv[1])
data = message["inputs"]["artifacts"]["data"]["artifacts"][0]
values = message["inputs"]["parameterValues"]
report = message["outputs"]["artifacts"]["report"]["artifacts"][0]
pathlib.Path(report["uri"]).mkdir()
content = [pathlib.Path(data["uri"]).read_text(), values]
pathlib.Path(report["uri"], "all.json").write_text(json.dumps(content))
report["metadata"] = {"size": 2.0, "word": "x"}
answer = {"artifacts": {"report": {"artifacts": [report]}}}
pathlib.Path(message["outputs"]["outputFile"]).write_text(json.dumps(answer))
"""


def two_tasks(**more: Any) -> dict[str, Any]:
    """`make` writes a text and its length; `take` reads both and writes a report."""
    return pipeline(
        {
            "take": task(
                "take",
                cachingOptions={"enableCache": True},
                inputs={
                    "artifacts": {"data": artifact("make", "data")},
                    "parameters": {
                        "length": output("make", "length"),
                        "note": constant("as {{$.inputs.parameters['length']}}"),
                    },
                },
            ),
            "make": task(
                "make",
                cachingOptions={"enableCache": True},
                inputs={"parameters": {"text": outer("text")}},
                **more,
            ),
        },
        {
            "make": component(
                "make",
                inputs={"text": TEXT},
                outputs={"length": INTEGER},
                out_data="system.Dataset",
            ),
            "take": component(
                "take",
                inputs={"length": INTEGER, "note": TEXT},
                in_data="system.Dataset",
                out_report="system.HTML",
            ),
        },
        {
            "make": python(
                MAKE,
                "{{$.outputs.artifacts['data'].path}}",
                "{{$.outputs.parameters['length'].output_file}}",
                "{{$.inputs.parameters['text']}}",
            ),
            "take": python(TAKE, "{{$}}", "unused"),
        },
        {"text": {"parameterType": "STRING", "defaultValue": "abc"}},
    )


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


def test_a_second_run_is_cached_until_something_changes(tmp_path: Path) -> None:
    run(tmp_path, two_tasks())
    assert states(run(tmp_path, two_tasks())) == {"make": "cached", "take": "cached"}
    changed = run(tmp_path, two_tasks(), parameters=["text=abcd"])
    assert states(changed) == {"make": "ran", "take": "ran"}
    assert changed["nodes"][0]["why"] == "text abc → abcd"
    assert states(run(tmp_path, two_tasks(), use_cache=False)) == {"make": "ran", "take": "ran"}


def test_a_result_that_was_altered_on_disk_is_recomputed(tmp_path: Path) -> None:
    summary = run(tmp_path, two_tasks())
    Path(summary["nodes"][1]["artifacts"]["report"], "all.json").write_text("altered")
    assert states(run(tmp_path, two_tasks())) == {"make": "cached", "take": "ran"}


def failing(times: int, **more: Any) -> dict[str, Any]:
    """A task that fails at first, one that needs it, one that does not, and an exit handler."""
    fails = (
        "import pathlib, sys; p = pathlib.Path('tries'); n = len(p.read_text()) if p.exists() "
        f"else 0; p.write_text('x' * (n + 1)); print('try', n); sys.exit(3 if n < {times} else 0)"
    )
    tells = "import pathlib, sys; pathlib.Path(sys.argv[1]).write_text(sys.argv[2])"
    inner = {
        "fails": task("fails", **more),
        "needs": task("needs", "fails"),
        "alone": task("alone"),
    }
    status = {"taskFinalStatus": {"producerTask": "tfx-dag"}}
    return pipeline(
        {
            "tfx-dag": task("tfx-dag"),
            "exit": task(
                "exit",
                "tfx-dag",
                triggerPolicy={"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"},
                inputs={"parameters": {"status": status, "path": outer("path")}},
            ),
        },
        {
            "tfx-dag": {"dag": {"tasks": inner}},
            "fails": component("fails"),
            "needs": component("needs"),
            "alone": component("alone"),
            "exit": component("exit", inputs={"status": TEXT, "path": TEXT}),
        },
        {
            "fails": python(fails),
            "needs": python(""),
            "alone": python(""),
            "exit": python(
                tells, "{{$.inputs.parameters['path']}}", "{{$.inputs.parameters['status']}}"
            ),
        },
        {"path": {"parameterType": "STRING"}},
    )


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
        "fails: attempt 2 of 3 failed with exit code 3; next attempt in 0.4 s"
        in capfd.readouterr().err
    )
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


def refused(spec: dict[str, Any], folder: Path) -> str:
    with pytest.raises(InputError) as error:
        run_spec(str(write_spec(folder, spec)), workdir=str(folder / "w"), options=Options())
    assert not list(folder.glob("w/runs/*")), "nothing has run"
    return str(error.value)


def test_unsupported_tasks_are_reported_before_anything_runs(tmp_path: Path) -> None:
    spec = two_tasks()
    tasks = spec["root"]["dag"]["tasks"]
    tasks["make"]["parameterIterator"] = {"items": {"raw": "[1]"}, "itemInput": "x"}
    tasks["take"]["inputs"]["parameters"]["length"]["parameterExpressionSelector"] = "parseJson(x)"
    tasks["take"]["triggerPolicy"] = {"condition": "size(inputs) > 1"}
    spec["deploymentSpec"]["executors"]["take"]["container"]["command"] = ["no-such-program"]
    spec["deploymentSpec"]["executors"]["make"]["container"]["args"] = ["pip install x"]
    message = refused(spec, tmp_path)
    for words in (
        "make: is a loop (ParallelFor)", "parseJson(x)", "The condition 'size(inputs) > 1'",
        "take: runs 'no-such-program', which is in its image (any/image)",
        "make: installs packages when it starts (pip install)",
    ):  # fmt: skip
        assert words in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schemaVersion": "2.0.0"}, "its schemaVersion is 2.0.0"),
        ({"newThing": 1}, "has a field that run-spec does not know"),
        ({"components": {}}, "names the component"),
        ({"deploymentSpec": {}}, "names the executor"),
    ],
)
def test_an_invalid_spec_is_refused(tmp_path: Path, change: dict[str, Any], message: str) -> None:
    assert message in refused({**two_tasks(), **change}, tmp_path)


def test_a_pipeline_job_in_json_sets_its_own_parameters(tmp_path: Path) -> None:
    job = {"pipelineSpec": two_tasks(), "runtimeConfig": {"parameterValues": {"text": "from job"}}}
    path = tmp_path / "job.json"
    path.write_text(json.dumps(job))
    assert run_spec(str(path), workdir=str(tmp_path / "w")) == SUCCEEDED
    report = Path(last_summary(tmp_path / "w")["nodes"][1]["artifacts"]["report"], "all.json")
    assert json.loads(report.read_text())[0] == "from job"


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
