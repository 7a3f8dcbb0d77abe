"""Build small compiled pipelines of plain commands, and run them."""

import json
from pathlib import Path
from typing import Any

import yaml

from core.exit import SUCCEEDED
from pipelines.spec_runner.command import Options, run_spec

TEXT, INTEGER, NUMBER = "STRING", "NUMBER_INTEGER", "NUMBER_DOUBLE"
NAME = "small"
Json = dict[str, Any]


def component(
    label: str, *, inputs: Json | None = None, outputs: Json | None = None, **artifacts: str
) -> Json:
    """Make a component with parameters, and with artifacts `in_x="system.Dataset"`, `out_x=…`."""
    made: Json = {"executorLabel": label, "inputDefinitions": {}, "outputDefinitions": {}}
    for place, parameters in (("inputDefinitions", inputs), ("outputDefinitions", outputs)):
        if parameters:
            kinds = {name: {"parameterType": kind} for name, kind in parameters.items()}
            made[place]["parameters"] = kinds
    for name, title in artifacts.items():
        way, _, key = name.partition("_")
        place = made["inputDefinitions" if way == "in" else "outputDefinitions"]
        kind = {"artifactType": {"schemaTitle": title}}
        place.setdefault("artifacts", {})[key] = kind
    return made


def python(code: str, *arguments: str, **more: Any) -> Json:
    """Make an executor that runs Python code."""
    command = {"image": "any/image", "command": ["python", "-c", code], "args": list(arguments)}
    return {"container": {**command, **more}}


def task(name: str, *after: str, **more: Any) -> Json:
    """Make a task of the component with the same name."""
    made = {"componentRef": {"name": name}, "taskInfo": {"name": name}, **more}
    return {**made, "dependentTasks": list(after)} if after else made


def constant(value: Any) -> Json:
    return {"runtimeValue": {"constant": value}}


def outer(name: str) -> Json:
    return {"componentInputParameter": name}


def output(producer: str, key: str) -> Json:
    return {"taskOutputParameter": {"producerTask": producer, "outputParameterKey": key}}


def artifact(producer: str, key: str) -> Json:
    return {"taskOutputArtifact": {"producerTask": producer, "outputArtifactKey": key}}


def pipeline(
    tasks: dict[str, Json],
    components: dict[str, Json],
    executors: dict[str, Json],
    parameters: Json | None = None,
) -> Json:
    """Make a PipelineSpec."""
    root: Json = {"dag": {"tasks": tasks}}
    if parameters:
        root["inputDefinitions"] = {"parameters": parameters}
    return {
        "pipelineInfo": {"name": NAME},
        "schemaVersion": "2.1.0",
        "sdkVersion": "kfp-2.5.0",
        "root": root,
        "components": components,
        "deploymentSpec": {"executors": executors},
    }


def write_spec(folder: Path, spec: Json) -> Path:
    path = folder / "spec.yaml"
    path.write_text(yaml.safe_dump(spec), encoding="utf-8")
    return path


def run(folder: Path, spec: Json, *, expect: int = SUCCEEDED, **options: Any) -> Json:
    """Run a spec in `folder/w`; return the summary of the run."""
    path = write_spec(folder, spec)
    assert run_spec(str(path), workdir=str(folder / "w"), options=Options(**options)) == expect
    return last_summary(folder / "w")


def last_summary(workdir: Path) -> Json:
    newest = max(workdir.glob("runs/*/summary.json"), key=lambda path: path.stat().st_mtime_ns)
    summary: Json = json.loads(newest.read_text(encoding="utf-8"))
    return summary


def states(summary: Json) -> dict[str, str]:
    return {node["node"]: node["state"] for node in summary["nodes"]}
