"""Importer and resolver tasks: artifacts that come from elsewhere, or from earlier runs."""

import functools
from pathlib import Path
from typing import Any

from google.protobuf import json_format

from pipelines.metadata.names import RESOLVER
from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.artifacts import LiveArtifact, read_type
from pipelines.spec_runner.spec.parameters import Values, plain
from pipelines.spec_runner.spec.placeholders import resolve
from pipelines.spec_runner.spec.queries import parse_filter
from pipelines.spec_runner.tasks.container_task import Tools
from pipelines.spec_runner.tasks.results import Result

IMPORTER = "tfx.dsl.components.common.importer.Importer"  # TFX's name of the execution's type


def run_importer(
    tools: Tools, node_id: str, component: Any, importer: Any, parameters: Values
) -> Result:
    """Registers an artifact that lies somewhere.

    Args:
        tools: of the run.
        node_id: the task.
        component: `ComponentSpec`; it has one output artifact.
        importer: `PipelineDeploymentConfig.ImporterSpec`.
        parameters: of the task.

    Raises:
        SpecError: there is nothing at the place.
    """
    places = tools.job.places
    (key,) = component.output_definitions.artifacts
    source = importer.artifact_uri
    asked = source.runtime_parameter
    text = str(parameters[asked] if asked else plain(source.constant))
    tree = {"inputs": {"parameters": parameters, "artifacts": {}}}
    uri = places.localise(resolve(text, tree)).rstrip("/")
    if not Path(uri).exists():
        raise SpecError(
            f"{node_id}: nothing lies at {uri} (from {text}). Put it there, or say where it is "
            f"with --map gs://bucket/path=FOLDER."
        )
    kind = read_type(importer.type_schema)
    execution = tools.recorder.begin(node_id, IMPORTER, {"artifact_uri": uri}, {})
    found = None if importer.reimport else tools.recorder.by_uri(kind, uri)
    if found is None:
        found = LiveArtifact(0, kind, uri, json_format.MessageToDict(importer.metadata))
        tools.recorder.register(found)
        tools.recorder.finish(execution, {key: [found]}, {})
    else:
        tools.recorder.reuse(execution, {key: [found]}, {})
    return Result(artifacts={key: [found]})


def run_resolver(
    tools: Tools, node_id: str, component: Any, resolver: Any, inputs: Artifacts
) -> Result:
    """Looks artifacts of earlier runs up; nothing found is an empty list.

    Args:
        tools: of the run.
        node_id: the task.
        component: `ComponentSpec`.
        resolver: `PipelineDeploymentConfig.ResolverSpec`.
        inputs: whose names and metadata its filters may ask for.
    """
    execution = tools.recorder.begin(node_id, RESOLVER, {}, inputs)
    look_up = functools.partial(_look_up, tools, component, inputs)
    found = {key: look_up(key, query) for key, query in resolver.output_artifact_queries.items()}
    tools.recorder.finish(execution, found, {}, found=True)
    return Result(artifacts=found)


def _look_up(
    tools: Tools, component: Any, inputs: Artifacts, key: str, query: Any
) -> list[LiveArtifact]:
    if any(not artifacts for artifacts in inputs.values()):
        return []  # the filter asks for a property of what was not found
    told = {
        name: {"uri": several[0].uri, "name": several[0].resource, "metadata": several[0].metadata}
        for name, several in inputs.items()
    }
    tree = {"inputs": {"artifacts": told, "parameters": {}}}
    wanted = parse_filter(resolve(query.filter, tree))
    kind = read_type(component.output_definitions.artifacts[key].artifact_type)
    fitting = [artifact for artifact in tools.recorder.live_artifacts(kind) if wanted(artifact)]
    return fitting[: query.limit or 1]
