"""What a container is told and what it answers: `ExecutorInput` and `ExecutorOutput` as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.artifacts import Json, LiveArtifact
from pipelines.spec_runner.spec.parameters import Values

OUTPUT_FILE = "executor_output.json"


def executor_input(
    parameters: Values, inputs: Artifacts, outputs: Artifacts, folder: Path, output_names: list[str]
) -> Json:
    """The JSON that stands for `{{$}}`.

    Args:
        parameters: of the task.
        inputs: its input artifacts.
        outputs: where its output artifacts are to be written.
        folder: of this execution, for what is neither.
        output_names: of its output parameters.
    """
    return {
        "inputs": {"parameterValues": parameters, "artifacts": _lists(inputs)},
        "outputs": {
            "parameters": {
                name: {"outputFile": str(folder / "output_parameters" / name)}
                for name in output_names
            },
            "artifacts": _lists(outputs),
            "outputFile": str(folder / OUTPUT_FILE),
        },
    }


def placeholder_tree(told: Json, job: Mapping[str, Any]) -> Json:
    """What placeholders are looked up in.

    Args:
        told: from `executor_input`.
        job: names and places of the run, as `pipeline_job_uuid`.
    """
    inputs, outputs = told["inputs"], told["outputs"]
    files = {n: {"output_file": p["outputFile"]} for n, p in outputs["parameters"].items()}
    return {
        **job,
        "executor_input": told,
        "inputs": {
            "parameters": inputs["parameterValues"],
            "artifacts": _first(inputs["artifacts"]),
        },
        "outputs": {
            "parameters": files,
            "artifacts": _first(outputs["artifacts"]),
            "output_file": outputs["outputFile"],
            "output_metadata_uri": outputs["outputFile"],
        },
    }


def read_output(told: Json, outputs: Artifacts, types: Mapping[str, int]) -> Values:
    """Takes over what a container wrote.

    Args:
        told: from `executor_input`.
        outputs: their metadata and places are updated.
        types: of the output parameters (`ParameterType`).

    Returns:
        The output parameters.

    Raises:
        SpecError: the file is not what a container has to write.
    """
    path = Path(told["outputs"]["outputFile"])
    content: Json = {}
    if path.exists():
        try:
            content = json.loads(path.read_text(encoding="utf-8") or "{}")
        except ValueError as error:
            raise SpecError(f"{path}: the container wrote no JSON ({error}).") from error
    for key, found in content.get("artifacts", {}).items():
        for artifact, answer in zip(outputs.get(key, ()), found.get("artifacts", ()), strict=False):
            artifact.metadata.update(answer.get("metadata", {}))
            artifact.uri = answer.get("uri") or artifact.uri
    values: Values = dict(content.get("parameterValues", {}))
    for name, place in told["outputs"]["parameters"].items():
        file = Path(place["outputFile"])
        if name not in values and file.is_file():
            values[name] = _read_value(file.read_text(encoding="utf-8"), types[name])
    return values


def _read_value(text: str, kind: int) -> Any:
    from kfp.pipeline_spec import pipeline_spec_pb2 as pb

    if kind == pb.ParameterType.STRING:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise SpecError(
            f"A container gave {text[:80]!r} for a parameter that is no text."
        ) from error


def _lists(artifacts: Artifacts) -> Json:
    return {key: {"artifacts": [a.told() for a in found]} for key, found in artifacts.items()}


def _first(artifacts: Json) -> Json:
    """What `inputs.artifacts['x'].uri` means: the first of them."""
    found: Json = {}
    for key, several in artifacts.items():
        for artifact in several["artifacts"][:1]:
            found[key] = {
                "uri": artifact["uri"],
                "path": artifact["uri"],
                "name": artifact["name"],
                "metadata": artifact["metadata"],
                **_value_of(artifact["uri"]),
            }
    return found


def _value_of(uri: str) -> Json:
    """The content of a small file, which TFX's value artifacts are, as `.value`."""
    path = Path(uri) / "value"
    return {"value": path.read_text(encoding="utf-8")} if path.is_file() else {}


def make_parents(outputs: Artifacts, told: Json) -> None:
    """Makes the folders that a container expects to be there."""
    for several in outputs.values():
        for artifact in several:
            Path(artifact.uri).parent.mkdir(parents=True, exist_ok=True)
    for place in told["outputs"]["parameters"].values():
        Path(place["outputFile"]).parent.mkdir(parents=True, exist_ok=True)


def drafts(folder: Path, execution_id: int, types: Mapping[str, Any]) -> Artifacts:
    """The outputs of an execution before they have an id: `<task>/<key>/<execution id>`."""
    return {
        key: [LiveArtifact(0, kind, str(folder / key / str(execution_id)))]
        for key, kind in types.items()
    }
