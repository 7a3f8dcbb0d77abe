"""What TFX's compiler leaves out of a spec, added: defaults, resources, retries, timeouts.

Each edit has its reason in TFX 1.16's tfx/orchestration/kubeflow/v2.
"""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from components.tfx_internals.kubeflow_spec import INNER_DAG, INPUTS_SPEC_FLAG
from core.errors import InputError
from pipelines.compiled_spec.parameters import Parameter
from pipelines.machines.presets import preset
from pipelines.recipe.vertex_settings import VertexSettings
from pipelines.vertex.compile.placeholders import named_in
from pipelines.vertex.compile.worker_pools import image_environment

Spec = dict[str, Any]
TEXT_TASK, TRAINER_TASK, RECORD_TASK = "TextExampleGen", "Trainer", "RunRecord"
TEXT_DRIVER = ["python", "-m", "components.text_example_gen.vertex_driver"]
KILL_AFTER_SECONDS = 60  # between the polite signal and the other
LAUNCHER_ROOM_SECONDS = 900  # that a launching task waits longer than the job that it waits for
SPARE_CPUS, USABLE_MEMORY = 1, 0.9  # of a Kubernetes node, which keeps a part for itself


def finish_spec(
    spec: Spec, description: str, vertex: VertexSettings, parameters: Sequence[Parameter]
) -> Spec:
    """Adds to a compiled spec what TFX's compiler does not know.

    Args:
        spec: PipelineSpec as JSON; it is changed.
        description: of the pipeline.
        vertex: resources, timeouts and retries.
        parameters: with defaults and descriptions.

    Raises:
        InputError: the settings name a task that the pipeline does not have.
    """
    spec["pipelineInfo"]["description"] = description
    _let_resolvers_find_nothing(spec)
    _pass_embedded(spec)
    _declare(spec, parameters)
    _record_parameters(spec)
    _use_our_driver(spec)
    _equip(spec, vertex)
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())  # an edit gone wrong ends here
    return spec


def _dags(spec: Spec) -> Iterator[Spec]:
    yield spec["root"]["dag"]
    yield spec["components"][INNER_DAG]["dag"]


def _tasks(spec: Spec) -> Iterator[tuple[str, Spec]]:
    """Every task but the one that holds the others."""
    for dag in _dags(spec):
        yield from ((name, task) for name, task in dag["tasks"].items() if name != INNER_DAG)


def _executor(spec: Spec, task: str) -> Any:
    """The container of a task, which TFX gives the name of its component; None for a resolver."""
    label = spec["components"][task]["executorLabel"]
    return spec["deploymentSpec"]["executors"][label].get("container")


def _let_resolvers_find_nothing(spec: Spec) -> None:
    """Says that what a resolver finds may be missing: in the first run there is no earlier model.

    TFX does not say it; the spec's own words are that an artifact that is not optional "must be
    able to resolve to an artifact at runtime" (kfp's pipeline_spec.proto).
    """
    for name, task in _tasks(spec):
        if _executor(spec, name) is None:
            continue
        for key, source in task.get("inputs", {}).get("artifacts", {}).items():
            if _executor(spec, source["taskOutputArtifact"]["producerTask"]) is None:
                spec["components"][name]["inputDefinitions"]["artifacts"][key]["isOptional"] = True


def _pass_embedded(spec: Spec) -> None:
    """Gives each task the parameters that its constants and flags name, as KFP's compiler does."""
    for task_name, task in _tasks(spec):
        _pass_to_flags(spec, task_name, task)
        inputs = task.get("inputs", {}).get("parameters", {})
        constants = [p.get("runtimeValue", {}).get("constant") for p in inputs.values()]
        for constant in constants:
            for name in named_in(constant):
                inputs.setdefault(name, {"componentInputParameter": name})


def _pass_to_flags(spec: Spec, name: str, task: Spec) -> None:
    """A flag may name inputs of its component only, so they become that."""
    container = _executor(spec, name) or {}
    for parameter in {p for flag in container.get("args", ()) for p in named_in(flag)}:
        definitions = spec["components"][name].setdefault("inputDefinitions", {})
        definitions.setdefault("parameters", {})[parameter] = {"parameterType": "STRING"}
        inputs = task.setdefault("inputs", {}).setdefault("parameters", {})
        inputs[parameter] = {"componentInputParameter": parameter}


def _declare(spec: Spec, parameters: Sequence[Parameter]) -> None:
    """Declares the parameters, and hands them down to the component that holds the tasks.

    TFX emits neither default nor description, and with an exit handler hands nothing down.
    """
    kinds = {int: "NUMBER_INTEGER", float: "NUMBER_DOUBLE", str: "STRING"}
    declared: Spec = {}
    for parameter in parameters:
        declared[parameter.name] = {
            "parameterType": kinds[parameter.type],
            "description": parameter.description,
        }
        if parameter.default is not None:
            declared[parameter.name]["defaultValue"] = parameter.default
    spec["root"]["inputDefinitions"] = {"parameters": declared}
    plain = {name: {"parameterType": d["parameterType"]} for name, d in declared.items()}
    spec["components"][INNER_DAG]["inputDefinitions"] = {"parameters": plain}
    handed = {name: {"componentInputParameter": name} for name in declared}
    spec["root"]["dag"]["tasks"][INNER_DAG]["inputs"] = {"parameters": handed}


def _record_parameters(spec: Spec) -> None:
    """Has the exit handler write down all parameters."""
    declared = spec["components"][INNER_DAG]["inputDefinitions"]["parameters"]
    component = spec["components"][RECORD_TASK]
    component["inputDefinitions"]["parameters"] |= declared
    inputs = spec["root"]["dag"]["tasks"][RECORD_TASK]["inputs"]["parameters"]
    inputs |= {name: {"componentInputParameter": name} for name in declared}
    arguments = _executor(spec, RECORD_TASK)["args"]
    types = arguments.index(INPUTS_SPEC_FLAG) + 1
    arguments[types] = json.dumps(component["inputDefinitions"], indent=2, sort_keys=True)


def _use_our_driver(spec: Spec) -> None:
    """TFX's own fingerprint is of sizes and times; ours is of content."""
    container = _executor(spec, TEXT_TASK)
    container["lifecycle"]["preCacheCheck"]["command"] = TEXT_DRIVER


def _equip(spec: Spec, vertex: VertexSettings) -> None:
    """Resources, retries and timeouts of each task that is a container."""
    names = []
    for name, task in _tasks(spec):
        container = _executor(spec, name)
        if container is None:  # a resolver, which Vertex AI answers itself
            continue
        names.append(name)
        container["resources"] = _resources(name, vertex)
        container["env"] = image_environment(container["image"])
        limit = ["timeout", f"--kill-after={KILL_AFTER_SECONDS}s", f"{_seconds(name, vertex)}s"]
        container["command"] = [*limit, *container["command"]]
        task["retryPolicy"] = {
            "maxRetryCount": vertex.retries.max_retries,
            "backoffDuration": f"{vertex.retries.backoff_seconds}s",
            "backoffFactor": vertex.retries.backoff_factor,
            "backoffMaxDuration": f"{vertex.retries.backoff_max_seconds}s",
        }
    if unknown := sorted(vertex.resources.keys() - set(names)):
        raise InputError(
            f"vertex.resources: no task is called {', '.join(unknown)}. Tasks of this pipeline: "
            f"{', '.join(sorted(names))}."
        )


def _resources(task: str, vertex: VertexSettings) -> Spec:
    """What a task's container gets: what the recipe says, or to train in it, a whole machine."""
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
    """After how long a task counts as failed."""
    if task == TRAINER_TASK:  # a custom job has this timeout of its own, and the task waits for it
        return round(vertex.training.timeout_hours * 3600) + LAUNCHER_ROOM_SECONDS
    return vertex.resources.get(task, vertex.default_resources).timeout_minutes * 60
