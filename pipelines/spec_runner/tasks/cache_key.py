"""A task to the key under which a later run finds its result, as Vertex AI's.

Vertex AI's key holds the container (image, command, arguments, environment), the inputs (values of
parameters, ids of artifacts) and the names and types of the outputs. Here an image is only a name,
so that the digest of our installed code comes in beside it.
"""

import hashlib
import json
from typing import Any

from components.code_digest import OUR_PACKAGES, code_digest
from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.artifacts import ArtifactType
from pipelines.spec_runner.spec.parameters import Values

_CLASS_PATH = "--executor_class_path"


def cache_key(
    pipeline: str,
    container: Any,
    parameters: Values,
    inputs: Artifacts,
    output_types: dict[str, ArtifactType],
    output_parameters: list[str],
) -> str:
    """sha256 over all that a result depends on.

    Args:
        pipeline: its name; other pipelines' results are not taken.
        container: `PipelineContainerSpec`, with its placeholders.
        parameters: with what the driver found; buckets as gs://.
        inputs: artifacts.
        output_types: of the output artifacts.
        output_parameters: names.
    """
    content = {
        "pipeline": pipeline,
        "image": container.image,
        "command": [*container.command, *container.args],
        "environment": {variable.name: variable.value for variable in container.env},
        "parameters": parameters,
        "artifacts": {key: [a.id for a in found] for key, found in inputs.items()},
        "outputs": {key: kind.title for key, kind in output_types.items()},
        "output_parameters": sorted(output_parameters),
        "code": {module: code_digest(module) for module in _our_modules(container, parameters)},
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _our_modules(container: Any, parameters: Values) -> list[str]:
    """The modules of ours that a task runs: its executor's, and the one of its `run_fn`."""
    paths = [str(parameters.get("run_fn", ""))]
    arguments = list(container.args)
    if _CLASS_PATH in arguments:
        paths.append(arguments[arguments.index(_CLASS_PATH) + 1])
    modules = (path.rpartition(".")[0] for path in paths)
    return [module for module in modules if module.partition(".")[0] in OUR_PACKAGES]


def executor_class(container: Any) -> str | None:
    """The path of the executor's class, for a container of TFX's."""
    arguments = list(container.args)
    return arguments[arguments.index(_CLASS_PATH) + 1] if _CLASS_PATH in arguments else None
