"""Read a compiled spec: the parameters that it declares, the images and machines that it needs."""

import contextlib
import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

from components.evaluation_settings import DownstreamSettings
from components.text_settings import TextSettings
from components.vertex_trainer.overrides import OVERRIDES, Value, override
from core.errors import InputError
from core.plain_yaml import whole_number
from pipelines.recipe.vertex_settings import NO_DIGEST
from trainer.settings.training import TrainingSettings

TYPES: dict[str, type[int] | type[float] | type[str]] = {
    "NUMBER_INTEGER": int,
    "NUMBER_DOUBLE": float,
    "STRING": str,
}
TYPE_NAMES = {int: "an integer", float: "a number", str: "a text"}
# These would end a JSON string or start a placeholder where the value is inserted into one.
UNSAFE = ('"', "\\", "\n", "{{")
TEXT_PATTERN = "text_pattern"
WORKER_POOLS = "worker_pool_specs"
DATAFLOW_FLAG = "--runner=components.tfx_internals.dataflow_runner.DataflowRunner"


class ParameterError(InputError):
    """A parameter value is missing, unknown or wrong."""


@dataclass(frozen=True)
class SpecParameter:
    """A parameter of a compiled spec, to which a submission may give a value."""

    name: str
    type: type[int] | type[float] | type[str]
    description: str
    default: Value | None = None  # None: a value is required


def read_parameters(spec: Mapping[str, Any]) -> tuple[SpecParameter, ...]:
    """Return the parameters that a compiled spec declares, by name."""
    declared = spec["root"].get("inputDefinitions", {}).get("parameters", {})
    return tuple(_read_parameter(name, definition) for name, definition in sorted(declared.items()))


def _read_parameter(name: str, definition: Mapping[str, Any]) -> SpecParameter:
    kind = TYPES[definition["parameterType"]]
    default = definition.get("defaultValue")
    return SpecParameter(
        name, kind, definition.get("description", ""), None if default is None else kind(default)
    )


def check_values(spec: Mapping[str, Any], values: Mapping[str, str | Value]) -> dict[str, Value]:
    """Check the values of a submission before anything is sent, and report all errors at once.

    Strings, as from a command line, are parsed.

    Returns:
        The given values by name, converted to the type of the parameter.

    Raises:
        ParameterError: a value is unknown, missing, of another type, or invalid for training.
    """
    parameters = {parameter.name: parameter for parameter in read_parameters(spec)}
    problems = [
        _explain_unknown(name, list(parameters)) for name in values if name not in parameters
    ]
    problems += [
        f"parameter {p.name} is missing: {p.description} Pass it as {p.name}=VALUE."
        for p in parameters.values()
        if p.default is None and p.name not in values
    ]
    converted: dict[str, Value] = {}
    for name in values.keys() & parameters.keys():
        try:
            converted[name] = _convert(parameters[name], values[name])
        except ValueError as error:
            problems.append(str(error))
    if problems:
        raise ParameterError("\n".join(sorted(problems)))
    settings = training_settings(spec)
    if settings is not None:
        override(settings, {name: v for name, v in converted.items() if name in OVERRIDES})
    return {name: converted[name] for name in sorted(converted)}


def _explain_unknown(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    remedy = f"Did you mean {close[0]}?" if close else f"Its parameters: {', '.join(known)}."
    return f"parameter {name}: the spec has no such parameter. {remedy}"


def _convert(parameter: SpecParameter, value: str | Value) -> Value:
    converted: Value | None = None
    with contextlib.suppress(ValueError):
        converted = None if isinstance(value, bool) else _parse(parameter.type, value)
    if converted is None or (parameter.type is int and converted != float(value)):
        kind = TYPE_NAMES[parameter.type]
        raise ValueError(f"parameter {parameter.name}: {value!r} is not {kind}.")
    for sign in UNSAFE:
        if isinstance(converted, str) and sign in converted:
            raise ValueError(f"parameter {parameter.name}: {sign!r} is not allowed in it.")
    return converted


def _parse(kind: type[int] | type[float] | type[str], value: str | Value) -> Value:
    return whole_number(value) if kind is int and isinstance(value, str) else kind(value)


def training_settings(spec: Mapping[str, Any]) -> TrainingSettings | None:
    """Return the Trainer's settings as the recipe has them; None if the spec has no Trainer."""
    config = _constant(spec, "Trainer", "custom_config")
    if config is None:
        return None
    return TrainingSettings.model_validate_json(json.loads(config)["training"])


def task_files(spec: Mapping[str, Any]) -> list[str]:
    """Return the files of the downstream tasks, each once."""
    settings = _constant(spec, "DownstreamEvaluator", "downstream_settings")
    tasks = DownstreamSettings.model_validate_json(settings).tasks if settings else ()
    return list(dict.fromkeys(path for task in tasks for path in (task.train, task.eval)))


def _constant(spec: Mapping[str, Any], task: str, parameter: str) -> str | None:
    """Return the constant that a task gets for a parameter; None if there is none."""
    for component in spec["components"].values():
        tasks = component.get("dag", {}).get("tasks", {})
        inputs = tasks.get(task, {}).get("inputs", {}).get("parameters", {})
        value = inputs.get(parameter, {}).get("runtimeValue", {}).get("constant")
        if value is not None:
            return str(value)
    return None


@dataclass(frozen=True, kw_only=True)
class Machines:
    """The machines of the training job."""

    machine_type: str
    accelerator: str | None  # Vertex AI's name, for example NVIDIA_TESLA_A100; None is CPU
    count: int  # accelerators on all hosts, as Vertex AI counts them; vCPUs without accelerators
    hosts: int
    is_spot: bool  # or Flex-start, which has the same quota


def list_images(spec: Mapping[str, Any]) -> list[str]:
    """Return the container images of the tasks and of the training job, each once."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    images = [e["container"]["image"] for e in executors.values() if "container" in e]
    images += [pool["container_spec"]["image_uri"] for pool in _worker_pools(spec)]
    return list(dict.fromkeys(images))


def unbuilt_images(spec: Mapping[str, Any]) -> list[str]:
    """Return the images that still have the placeholder digest of the shipped recipe."""
    return [image for image in list_images(spec) if NO_DIGEST in image]


def read_machines(spec: Mapping[str, Any]) -> Machines | None:
    """Return the machines of the training job; None if training runs in its own task."""
    pools = list(_worker_pools(spec))
    if not pools:
        return None
    machine = pools[0]["machine_spec"]
    hosts = sum(int(pool.get("replica_count", 1)) for pool in pools)
    accelerator = machine.get("accelerator_type")
    per_host = int(machine.get("accelerator_count", 0))
    if topology := machine.get("tpu_topology"):
        accelerator = accelerator or machine["machine_type"].split("-")[0]
        per_host = prod(int(side) for side in topology.split("x"))
    scheduling = next(_custom_jobs(spec))["job_spec"].get("scheduling", {})
    return Machines(
        machine_type=machine["machine_type"],
        accelerator=accelerator,
        count=(per_host or _vcpus(machine["machine_type"])) * hosts,
        hosts=hosts,
        is_spot=scheduling.get("strategy") in ("SPOT", "FLEX_START"),
    )


def training_job(spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the custom job of the training; empty if training runs in its own task."""
    return next(_custom_jobs(spec), {})


def uses_dataflow(spec: Mapping[str, Any]) -> bool:
    """Return whether any task runs its Beam pipeline on Dataflow."""
    executors = spec.get("deploymentSpec", {}).get("executors", {})
    return any(
        DATAFLOW_FLAG in executor.get("container", {}).get("args", ())
        for executor in executors.values()
    )


def _vcpus(machine_type: str) -> int:
    """Return the number at the end of a machine type, for example 32 of n2-standard-32."""
    last = machine_type.rsplit("-", maxsplit=1)[-1]
    return int(last) if last.isdigit() else 1


def _worker_pools(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for job in _custom_jobs(spec):
        yield from job["job_spec"][WORKER_POOLS]


def _custom_jobs(spec: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the custom jobs that tasks start, from the custom_config of TFX's Vertex Trainer."""
    for constant in find_constants(spec, "custom_config"):
        config = json.loads(constant)
        job = config.get("ai_platform_training_args") if isinstance(config, dict) else None
        if isinstance(job, dict) and isinstance(job.get("job_spec", {}).get(WORKER_POOLS), list):
            yield job


def find_constants(spec: Mapping[str, Any], name: str) -> list[str]:
    """Return the texts that tasks get for an input of a name, apart from empty ones."""
    inputs = (
        task.get("inputs", {}).get("parameters", {}).get(name, {})
        for component in (spec["root"], *spec.get("components", {}).values())
        for task in component.get("dag", {}).get("tasks", {}).values()
    )
    constants = (given.get("runtimeValue", {}).get("constant") for given in inputs)
    return [constant for constant in constants if constant and isinstance(constant, str)]


def text_patterns(spec: Mapping[str, Any], pattern: str) -> dict[str, str]:
    """Return the comma-separated globs of each source of the text, below text_root.

    Args:
        spec: compiled.
        pattern: the value of text_pattern, which text without sources is read by.
    """
    for constant in find_constants(spec, "input_config"):
        splits = json.loads(constant)["splits"]
        return {s["name"]: s["pattern"].replace(placeholder(TEXT_PATTERN), pattern) for s in splits}
    return {"": pattern}


def placeholder(parameter: str) -> str:
    """Return the placeholder of a parameter; it may be part of a longer text."""
    return f"{{{{$.inputs.parameters['{parameter}']}}}}"


def text_settings(spec: Mapping[str, Any]) -> TextSettings:
    """Return the settings by which a spec reads its text; the defaults if it has none."""
    for constant in find_constants(spec, "text_settings"):
        return TextSettings.model_validate_json(constant)
    return TextSettings()
