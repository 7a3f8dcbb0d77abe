"""A spec that cannot run here is refused before anything runs."""

import json
from pathlib import Path
from typing import Any

import pytest

from core.errors import InputError
from core.exit import SUCCEEDED
from pipelines.spec_runner.command import Options, run_spec
from tests.pipelines.spec_runner.example_specs import two_tasks
from tests.pipelines.spec_runner.small_specs import last_summary, write_spec


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
