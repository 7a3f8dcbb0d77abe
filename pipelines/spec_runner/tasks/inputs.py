"""A task's inputs, as the spec describes them, to their values."""

import json
from collections.abc import Mapping
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from pipelines.spec_runner.errors import SpecError
from pipelines.spec_runner.job import Job
from pipelines.spec_runner.record import Artifacts
from pipelines.spec_runner.spec.parameters import Values, plain, typed
from pipelines.spec_runner.spec.placeholders import resolve
from pipelines.spec_runner.tasks.results import Result

Results = Mapping[str, Result]


def upstream(task: Any) -> set[str]:
    """The names of the tasks that have to end before this one."""
    names = set(task.dependent_tasks)
    for artifact in task.inputs.artifacts.values():
        names.add(artifact.task_output_artifact.producer_task)
    for parameter in task.inputs.parameters.values():
        names.add(parameter.task_output_parameter.producer_task)
        names.add(parameter.task_final_status.producer_task)
    return names - {""}


def task_artifacts(task: Any, outer: Artifacts, results: Results) -> Artifacts:
    """Input artifacts; one that nobody made is left out, one that nothing was found for is empty.

    Args:
        task: the spec's.
        outer: inputs of the DAG that the task lies in.
        results: of the tasks before it in that DAG.
    """
    found: Artifacts = {}
    for name, source in task.inputs.artifacts.items():
        if source.WhichOneof("kind") == "component_input_artifact":
            artifacts = outer.get(source.component_input_artifact)
        else:
            producer = results[source.task_output_artifact.producer_task]
            artifacts = producer.artifacts.get(source.task_output_artifact.output_artifact_key)
        if artifacts is not None:
            found[name] = artifacts
    return found


def task_parameters(
    task: Any, component: Any, outer: Values, results: Results, job: Job, node_id: str
) -> Values:
    """Input parameters, of the types that the component declares.

    A constant may hold placeholders for the other inputs: so kfp compiles an f-string.

    Raises:
        SpecError: a placeholder leads nowhere.
    """
    found: Values = {}
    constants: dict[str, str] = {}
    for name, source in task.inputs.parameters.items():
        kind = source.WhichOneof("kind")
        if kind == "component_input_parameter":
            _take(found, name, outer, source.component_input_parameter)
        elif kind == "task_output_parameter":
            producer = results[source.task_output_parameter.producer_task]
            _take(
                found, name, producer.parameters, source.task_output_parameter.output_parameter_key
            )
        elif kind == "task_final_status":
            ended = source.task_final_status.producer_task
            found[name] = _status(results[ended].final_status(ended, job.resource), component, name)
        else:
            value = plain(source.runtime_value.constant)
            if isinstance(value, str):
                constants[name] = value
            else:
                found[name] = value
    tree = {**job.placeholders(node_id), "inputs": {"parameters": found, "artifacts": {}}}
    found |= {name: resolve(text, tree) for name, text in constants.items()}
    return _declared(found, component, node_id)


def _status(status: Values, component: Any, name: str) -> Any:
    """A final status; TFX's components take it as text."""
    kind = component.input_definitions.parameters[name].parameter_type
    return json.dumps(status) if kind == pb.ParameterType.STRING else status


def _take(found: Values, name: str, values: Values, key: str) -> None:
    if key in values:
        found[name] = values[key]


def _declared(found: Values, component: Any, node_id: str) -> Values:
    """Types and defaults of the component's own input definitions.

    Raises:
        SpecError: a parameter without a default has no value, as its producer was skipped.
    """
    for name, definition in component.input_definitions.parameters.items():
        if name in found:
            found[name] = typed(found[name], definition.parameter_type)
        elif definition.HasField("default_value"):
            found[name] = typed(plain(definition.default_value), definition.parameter_type)
        elif not definition.is_optional:
            raise SpecError(
                f"{node_id}: nothing gives its parameter {name} a value, and it has no default."
            )
    return found
