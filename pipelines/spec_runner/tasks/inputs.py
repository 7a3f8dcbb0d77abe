"""Evaluate the inputs of a task: artifacts and parameters, as the spec describes them."""

import json
from collections.abc import Mapping
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as pb

from pipelines.metadata.live_artifacts import LiveArtifacts
from pipelines.spec_runner.spec.errors import SpecError
from pipelines.spec_runner.spec.parameters import Values, plain, typed
from pipelines.spec_runner.spec.placeholders import resolve
from pipelines.spec_runner.tasks.run_context import Result, RunContext

Results = Mapping[str, Result]


def upstream(task: Any) -> set[str]:
    """Return the names of the tasks that have to end before this one starts."""
    names = set(task.dependent_tasks)
    for artifact in task.inputs.artifacts.values():
        names.add(artifact.task_output_artifact.producer_task)
    for parameter in task.inputs.parameters.values():
        names.add(parameter.task_output_parameter.producer_task)
        names.add(parameter.task_final_status.producer_task)
    return names - {""}


def task_artifacts(task: Any, dag_inputs: LiveArtifacts, results: Results) -> LiveArtifacts:
    """Return the input artifacts of a task, from those of its DAG and the results of earlier tasks.

    A key is missing if its producer was skipped, and its list is empty if a resolver found nothing.
    """
    inputs: LiveArtifacts = {}
    for name, source in task.inputs.artifacts.items():
        if source.WhichOneof("kind") == "component_input_artifact":
            artifacts = dag_inputs.get(source.component_input_artifact)
        else:
            producer = results[source.task_output_artifact.producer_task]
            artifacts = producer.artifacts.get(source.task_output_artifact.output_artifact_key)
        if artifacts is not None:
            inputs[name] = artifacts
    return inputs


def task_parameters(
    task: Any, component: Any, dag_values: Values, results: Results, run: RunContext, node_id: str
) -> Values:
    """Return the input parameters of a task, converted to the types that its component declares.

    A constant may hold placeholders for the other inputs: kfp compiles an f-string to one.

    Raises:
        SpecError: a placeholder refers to something that does not exist.
    """
    values: Values = {}
    templates: dict[str, str] = {}
    for name, source in task.inputs.parameters.items():
        kind = source.WhichOneof("kind")
        if kind == "component_input_parameter":
            _copy(values, name, dag_values, source.component_input_parameter)
        elif kind == "task_output_parameter":
            output = source.task_output_parameter
            produced = results[output.producer_task].parameters
            _copy(values, name, produced, output.output_parameter_key)
        elif kind == "task_final_status":
            producer = source.task_final_status.producer_task
            status = results[producer].final_status(producer, run.resource)
            values[name] = _encode_status(status, component, name)
        else:
            value = plain(source.runtime_value.constant)
            (templates if isinstance(value, str) else values)[name] = value
    tree = {**run.placeholders(node_id), "inputs": {"parameters": values, "artifacts": {}}}
    values |= {name: resolve(text, tree) for name, text in templates.items()}
    return _apply_definitions(values, component, node_id)


def _encode_status(status: Values, component: Any, name: str) -> Any:
    """Return a final status as an object, or as JSON text, which TFX's components expect."""
    kind = component.input_definitions.parameters[name].parameter_type
    return json.dumps(status) if kind == pb.ParameterType.STRING else status


def _copy(values: Values, name: str, source: Values, key: str) -> None:
    if key in source:
        values[name] = source[key]


def _apply_definitions(values: Values, component: Any, node_id: str) -> Values:
    """Convert values to the declared types, and fill in defaults."""
    for name, definition in component.input_definitions.parameters.items():
        if name in values:
            values[name] = typed(values[name], definition.parameter_type)
        elif definition.HasField("default_value"):
            values[name] = typed(plain(definition.default_value), definition.parameter_type)
        elif not definition.is_optional:
            raise SpecError(f"{node_id}: its parameter {name} has neither a value nor a default.")
    return values
