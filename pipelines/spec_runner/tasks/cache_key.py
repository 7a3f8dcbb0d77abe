"""Compute the cache key of a task, from everything that its result depends on.

Vertex AI's key holds the container (image, command, arguments, environment), the inputs (values of
parameters, ids of artifacts), and the names and types of the outputs. Here the key also holds the
ids of the images that run, or, where none runs, the digest of the installed Textmill code.
"""

import hashlib
import json
from typing import Any

from components.code_digest import OUR_PACKAGES, code_digest
from pipelines.metadata.live_artifacts import ArtifactType, LiveArtifacts
from pipelines.spec_runner.processes.containers import ContainerEngine
from pipelines.spec_runner.spec.parameters import Values

_CLASS_PATH = "--executor_class_path"


def cache_key(
    pipeline: str,
    container: Any,
    parameters: Values,
    inputs: LiveArtifacts,
    output_types: dict[str, ArtifactType],
    output_parameters: list[str],
    engine: ContainerEngine | None = None,
) -> str:
    """Return the sha256 of everything that a task's result depends on.

    Args:
        pipeline: its name; results are not shared between pipelines.
        container: `PipelineContainerSpec`, with its placeholders.
        parameters: input parameters and those that the driver added; buckets as gs://.
        inputs: input artifacts.
        output_types: types of the output artifacts, by key.
        output_parameters: names of the output parameters.
        engine: what runs the images; None: their commands are processes of this machine.
    """
    content = {
        "pipeline": pipeline,
        "image": container.image,
        "command": [*container.command, *container.args],
        "environment": {variable.name: variable.value for variable in container.env},
        "parameters": parameters,
        "artifacts": {key: [a.id for a in artifacts] for key, artifacts in inputs.items()},
        "outputs": {key: kind.title for key, kind in output_types.items()},
        "output_parameters": sorted(output_parameters),
    }
    if engine:
        named = json.dumps([content["command"], parameters])
        content["image_ids"] = engine.image_ids(container.image, named)
    else:
        modules = _our_modules(container, parameters)
        content["code"] = {module: code_digest(module) for module in modules}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def executor_class(container: Any) -> str | None:
    """Return the dotted path of the executor's class, or None if the container is not TFX's."""
    arguments = list(container.args)
    return arguments[arguments.index(_CLASS_PATH) + 1] if _CLASS_PATH in arguments else None


def _our_modules(container: Any, parameters: Values) -> list[str]:
    """List the Textmill modules that a task runs: of its `run_fn` and of its executor."""
    paths = (str(parameters.get("run_fn", "")), executor_class(container) or "")
    modules = (path.rpartition(".")[0] for path in paths)
    return [module for module in modules if module.partition(".")[0] in OUR_PACKAGES]
