"""Exchange JSON with a container: write its `ExecutorInput`, read its `ExecutorOutput`."""

import json
from collections.abc import Mapping
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from core import storage
from pipelines.metadata.live_artifacts import Json, LiveArtifact, LiveArtifacts
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import Values

OUTPUT_FILE = "executor_output.json"


def new_outputs(folder: str, execution_id: int, types: Mapping[str, Any]) -> LiveArtifacts:
    """Create a task's outputs, not yet registered, at `<task>/<key>/<execution id>`."""
    return {
        key: [LiveArtifact(0, kind, storage.join(folder, key, str(execution_id)))]
        for key, kind in types.items()
    }


def executor_input(
    parameters: Values,
    inputs: LiveArtifacts,
    outputs: LiveArtifacts,
    folder: str,
    output_names: list[str],
) -> Json:
    """Return the JSON that replaces `{{$}}`.

    Output artifacts have the URIs to write to; `folder` holds all other files of this execution.
    """
    return {
        "inputs": {"parameterValues": parameters, "artifacts": _runtime_artifacts(inputs)},
        "outputs": {
            "parameters": {
                name: {"outputFile": storage.join(folder, "output_parameters", name)}
                for name in output_names
            },
            "artifacts": _runtime_artifacts(outputs),
            "outputFile": storage.join(folder, OUTPUT_FILE),
        },
    }


def make_parents(outputs: LiveArtifacts, message: Json) -> None:
    """Create the parent folders of everything that a container writes."""
    for artifacts in outputs.values():
        for artifact in artifacts:
            storage.make_folder(artifact.uri.rpartition("/")[0])
    for parameter in message["outputs"]["parameters"].values():
        storage.make_folder(parameter["outputFile"].rpartition("/")[0])


def placeholder_tree(message: Json, run_values: Mapping[str, Any], words: list[str]) -> Json:
    """Return the tree of the run's and the task's values for the task's placeholders.

    Values of artifacts are only read if a word of the command refers to one.
    """
    inputs, outputs = message["inputs"], message["outputs"]
    has_values = any(".value}}" in word for word in words)
    files = {n: {"output_file": p["outputFile"]} for n, p in outputs["parameters"].items()}
    return {
        **run_values,
        "executor_input": message,
        "inputs": {
            "parameters": inputs["parameterValues"],
            "artifacts": _first_of_each(inputs["artifacts"], has_values),
        },
        "outputs": {
            "parameters": files,
            "artifacts": _first_of_each(outputs["artifacts"], has_values),
            "output_file": outputs["outputFile"],
            "output_metadata_uri": outputs["outputFile"],
        },
    }


def read_output(message: Json, outputs: LiveArtifacts, types: Mapping[str, int]) -> Values:
    """Read what a container wrote: return its parameters, and update the outputs in place.

    Args:
        message: from `executor_input`.
        outputs: output artifacts; changed in place.
        types: types of the output parameters (`ParameterType`).

    Raises:
        SpecError: the container wrote an invalid file.
    """
    path = message["outputs"]["outputFile"]
    content: Json = {}
    if written_output := storage.read_if_exists(path):
        try:
            content = json.loads(written_output)
        except ValueError as error:
            raise SpecError(f"{path}: the container wrote invalid JSON ({error}).") from error
    for key, written in content.get("artifacts", {}).items():
        pairs = zip(outputs.get(key, ()), written.get("artifacts", ()), strict=False)
        for artifact, answer in pairs:
            artifact.metadata.update(answer.get("metadata", {}))
            artifact.uri = answer.get("uri") or artifact.uri
    values: Values = dict(content.get("parameterValues", {}))
    for name, parameter in message["outputs"]["parameters"].items():
        if name in values:
            continue
        written_value = storage.read_if_exists(parameter["outputFile"])
        if written_value is not None:
            values[name] = _read_value(written_value.decode(), types[name])
    return values


def _read_value(text: str, kind: int) -> Any:
    if kind == pb.ParameterType.STRING:
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise SpecError(
            f"A container wrote {text[:80]!r} for a parameter that is not a string."
        ) from error


def _runtime_artifacts(artifacts: LiveArtifacts) -> Json:
    return {
        key: {"artifacts": [artifact.runtime_artifact() for artifact in several]}
        for key, several in artifacts.items()
    }


def _first_of_each(artifacts: Json, has_values: bool) -> Json:
    """Return the first artifact of each key, which `inputs.artifacts['x'].uri` refers to."""
    return {
        key: {
            "uri": artifact["uri"],
            "path": artifact["uri"],
            "name": artifact["name"],
            "metadata": artifact["metadata"],
            **(_value_file(artifact["uri"]) if has_values else {}),
        }
        for key, several in artifacts.items()
        for artifact in several["artifacts"][:1]
    }


def _value_file(uri: str) -> Json:
    """Return the content of a TFX value artifact as `.value`."""
    content = storage.read_if_exists(storage.join(uri, "value"))
    return {} if content is None else {"value": content.decode()}
