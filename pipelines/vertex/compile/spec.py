"""Complete a compiled spec with what TFX's compiler omits: defaults, resources, retries, timeouts.

Each edit has its reason in TFX 1.16's tfx/orchestration/kubeflow/v2.
"""

import json
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from components.tfx_internals.kubeflow_spec import INNER_DAG, INPUTS_SPEC_FLAG, TFX_COMMAND
from core.errors import InputError
from pipelines.compiled_spec.parameters import TYPES, SpecParameter
from pipelines.machines.presets import preset
from pipelines.recipe.vertex_settings import VertexSettings
from pipelines.vertex.compile.parameters import find_placeholders
from pipelines.vertex.compile.worker_pools import image_environment

Spec = dict[str, Any]
TEXT_TASK, TRAINER_TASK, RECORD_TASK = "TextExampleGen", "Trainer", "RunRecord"
TEXT_DRIVER = ["python", "-m", "components.text_example_gen.vertex_driver"]
RUN_TASK = ["python", "-m", "components.run_task"]
KILL_AFTER_SECONDS = 60  # between SIGTERM and SIGKILL
LAUNCHER_EXTRA_SECONDS = 900  # the task that waits for a custom job may take longer than the job
SPARE_CPUS, USABLE_MEMORY = 1, 0.9  # a Kubernetes node reserves some of its resources


def finish_spec(
    spec: Spec, description: str, vertex: VertexSettings, parameters: Sequence[SpecParameter]
) -> Spec:
    """Complete a compiled spec in place, and return it.

    Raises:
        InputError: the settings name a task that the pipeline does not have.
    """
    spec["pipelineInfo"]["description"] = description
    # Not TFX's version, which the machine that compiles has; begins like it, for Google's client.
    spec["sdkVersion"] = f"tfx-textmill-{version('textmill')}"
    _make_resolved_inputs_optional(spec)
    _pass_placeholders(spec)
    _declare_parameters(spec, parameters)
    _record_parameters(spec)
    # TFX's driver fingerprints sizes and times; ours hashes the content.
    _executor(spec, TEXT_TASK)["lifecycle"]["preCacheCheck"]["command"] = TEXT_DRIVER
    if vertex.platform == "kubeflow":
        # It runs no such driver (Kubeflow Pipelines 2.17, backend/src/v2/driver), so nothing would
        # notice new text: the key would hold its folder alone.
        dict(_tasks(spec))[TEXT_TASK]["cachingOptions"] = {}
    _configure_containers(spec, vertex)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())  # raises if an edit is invalid
    return spec


def _tasks(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Yield every task except the one that contains the others."""
    for dag in (spec["root"]["dag"], spec["components"][INNER_DAG]["dag"]):
        yield from ((name, task) for name, task in dag["tasks"].items() if name != INNER_DAG)


def _executor(spec: Spec, task: str) -> Any:
    """Return the container of a task, which is named like its component; None for a resolver."""
    label = spec["components"][task]["executorLabel"]
    return spec["deploymentSpec"]["executors"][label].get("container")


def _make_resolved_inputs_optional(spec: Spec) -> None:
    """Mark inputs that come from a resolver as optional; a first run has no earlier model.

    TFX does not mark them, and an artifact that is not optional "must be able to resolve to an
    artifact at runtime" (kfp's pipeline_spec.proto). That holds for the resolver of the model,
    too, which reads what the resolver of its blessing found.
    """
    for name, task in _tasks(spec):
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            if _executor(spec, source["taskOutputArtifact"]["producerTask"]) is None:
                spec["components"][name]["inputDefinitions"]["artifacts"][key]["isOptional"] = True


def _pass_placeholders(spec: Spec) -> None:
    """Pass each task the parameters that its constants and flags refer to, like KFP's compiler."""
    for task_name, task in _tasks(spec):
        _pass_to_flags(spec, task_name, task)
        inputs = task.get("inputs", {}).get("parameters", {})
        constants = [p.get("runtimeValue", {}).get("constant") for p in inputs.values()]
        for constant in constants:
            for name in find_placeholders(constant):
                inputs.setdefault(name, {"componentInputParameter": name})


def _pass_to_flags(spec: Spec, name: str, task: Spec) -> None:
    """Declare parameters in flags as inputs of the component; a flag may refer only to those."""
    container = _executor(spec, name) or {}
    for parameter in {p for flag in container.get("args", ()) for p in find_placeholders(flag)}:
        definitions = spec["components"][name].setdefault("inputDefinitions", {})
        definitions.setdefault("parameters", {})[parameter] = {"parameterType": "STRING"}
        inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
        inputs[parameter] = {"componentInputParameter": parameter}


def _declare_parameters(spec: Spec, parameters: Sequence[SpecParameter]) -> None:
    """Declare the parameters, and pass them to the component that contains the tasks.

    TFX emits neither defaults nor descriptions, and with an exit handler it passes nothing on.
    """
    type_names = {kind: name for name, kind in TYPES.items()}
    declared: Spec = {}
    for parameter in parameters:
        declared[parameter.name] = {
            "parameterType": type_names[parameter.type],
            "description": parameter.description,
        }
        if parameter.default is not None:
            declared[parameter.name]["defaultValue"] = parameter.default
    spec["root"]["inputDefinitions"] = {"parameters": declared}
    without_defaults = {name: {"parameterType": d["parameterType"]} for name, d in declared.items()}
    spec["components"][INNER_DAG]["inputDefinitions"] = {"parameters": without_defaults}
    passed = {name: {"componentInputParameter": name} for name in declared}
    spec["root"]["dag"]["tasks"][INNER_DAG]["inputs"] = {"parameters": passed}


def _record_parameters(spec: Spec) -> None:
    """Pass all parameters to the exit handler, which records them."""
    declared = spec["components"][INNER_DAG]["inputDefinitions"]["parameters"]
    component = spec["components"][RECORD_TASK]
    component["inputDefinitions"]["parameters"] |= declared
    inputs = spec["root"]["dag"]["tasks"][RECORD_TASK]["inputs"]["parameters"]
    inputs |= {name: {"componentInputParameter": name} for name in declared}
    arguments = _executor(spec, RECORD_TASK)["args"]
    types = arguments.index(INPUTS_SPEC_FLAG) + 1
    arguments[types] = json.dumps(component["inputDefinitions"], indent=2, sort_keys=True)


def _configure_containers(spec: Spec, vertex: VertexSettings) -> None:
    """Set resources, retries and timeout of each task that runs in a container."""
    names = []
    for name, task in _tasks(spec):
        container = _executor(spec, name)
        if container is None:  # a resolver, which Vertex AI runs itself
            continue
        names.append(name)
        container["resources"] = _resources(name, vertex)
        container["env"] = image_environment(container["image"])
        limit = ["timeout", f"--kill-after={KILL_AFTER_SECONDS}s", f"{_seconds(name, vertex)}s"]
        if container["command"] == TFX_COMMAND:  # its failures are tracebacks
            container["command"] = RUN_TASK
        container["command"] = [*limit, *container["command"]]
        task["retryPolicy"] = {
            "maxRetryCount": vertex.retries.max_retries,
            "backoffDuration": f"{vertex.retries.backoff_seconds}s",
            "backoffFactor": vertex.retries.backoff_factor,
            "backoffMaxDuration": f"{vertex.retries.backoff_max_seconds}s",
        }
    if unknown := sorted(vertex.resources.keys() - set(names)):
        raise InputError(
            f"vertex.resources: the pipeline has no task {', '.join(unknown)}. Its tasks are "
            f"{', '.join(sorted(names))}."
        )


def _resources(task: str, vertex: VertexSettings) -> Spec:
    """Return the resources of a task: the recipe's, or a whole machine for training on Kubeflow."""
    if task == TRAINER_TASK and vertex.platform == "kubeflow":
        machine = preset(vertex.training.machine)
        whole: Spec = {
            "cpuLimit": float(machine.vcpus - SPARE_CPUS),
            "memoryLimit": machine.memory_gb * USABLE_MEMORY,
        }
        if machine.image == "gpu":
            whole["accelerator"] = {"type": "nvidia.com/gpu", "count": str(machine.chips)}
        return whole
    resources = vertex.resources.get(task, vertex.default_resources)
    return {"cpuLimit": float(resources.cpu), "memoryLimit": float(resources.memory_gb)}


def _seconds(task: str, vertex: VertexSettings) -> int:
    if task == TRAINER_TASK:  # waits for a custom job that has the timeout of the training
        hours = vertex.training.timeout_hours + vertex.training.max_wait_hours
        return round(hours * 3600) + LAUNCHER_EXTRA_SECONDS
    return vertex.resources.get(task, vertex.default_resources).timeout_minutes * 60
