"""Run importer and resolver tasks: find artifacts from outside or from earlier runs."""

import functools
from typing import Any

from google.protobuf import json_format

from core import storage
from pipelines.metadata.live_artifacts import LiveArtifact, LiveArtifacts, read_type
from pipelines.metadata.names import RESOLVER
from pipelines.spec_runner.spec.condition import parse_filter
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import Values, plain
from pipelines.spec_runner.spec.placeholders import resolve
from pipelines.spec_runner.tasks.container_task import Tools
from pipelines.spec_runner.tasks.run_context import Result

IMPORTER = "tfx.dsl.components.common.importer.Importer"  # TFX's execution type


def run_importer(
    tools: Tools, node_id: str, component: Any, importer: Any, parameters: Values
) -> Result:
    """Register an artifact that exists already.

    Raises:
        SpecError: the artifact's URI does not exist.
    """
    (key,) = component.output_definitions.artifacts
    source = importer.artifact_uri
    parameter = source.runtime_parameter
    spec_uri = str(parameters[parameter] if parameter else plain(source.constant))
    tree = {"inputs": {"parameters": parameters, "artifacts": {}}}
    uri = tools.run.buckets.localize(resolve(spec_uri, tree)).rstrip("/")
    if not storage.exists(uri):
        raise SpecError(
            f"{node_id}: {uri} does not exist (from {spec_uri}). Create it, or map its bucket with "
            f"--map gs://bucket/path=FOLDER."
        )
    kind = read_type(importer.type_schema)
    execution = tools.recorder.begin(node_id, IMPORTER, {"artifact_uri": uri}, {})
    known = None if importer.reimport else tools.recorder.by_uri(kind, uri)
    if known is not None:
        tools.recorder.reuse(execution, {key: [known]}, {})
        return Result(artifacts={key: [known]})
    artifact = LiveArtifact(0, kind, uri, json_format.MessageToDict(importer.metadata))
    tools.recorder.register(artifact)
    tools.recorder.finish(execution, {key: [artifact]}, {})
    return Result(artifacts={key: [artifact]})


def run_resolver(
    tools: Tools, node_id: str, component: Any, resolver: Any, inputs: LiveArtifacts
) -> Result:
    """Look up artifacts of earlier runs; a query without a match gives an empty list."""
    execution = tools.recorder.begin(node_id, RESOLVER, {}, inputs)
    look_up = functools.partial(_look_up, tools, component, inputs)
    outputs = {key: look_up(key, query) for key, query in resolver.output_artifact_queries.items()}
    tools.recorder.finish(execution, outputs, {}, is_lookup=True)
    return Result(artifacts=outputs)


def _look_up(
    tools: Tools, component: Any, inputs: LiveArtifacts, key: str, query: Any
) -> list[LiveArtifact]:
    if any(not artifacts for artifacts in inputs.values()):
        return []  # the filter refers to an artifact that another resolver did not find
    first = {
        name: {"uri": several[0].uri, "name": several[0].resource, "metadata": several[0].metadata}
        for name, several in inputs.items()
    }
    tree = {"inputs": {"artifacts": first, "parameters": {}}}
    matches = parse_filter(resolve(query.filter, tree))
    kind = read_type(component.output_definitions.artifacts[key].artifact_type)
    artifacts = [artifact for artifact in tools.recorder.live_artifacts(kind) if matches(artifact)]
    return artifacts[: query.limit or 1]
